package sasl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Grant asks an issuer for a token in exchange for a client's secret (RFC 6749, 4.4) and keeps it while it is good.
type Grant struct {
	Call                       func(*http.Request) ([]byte, error) // see [Call]
	Address, ID, Secret, Scope string

	mu      sync.Mutex
	kept    string
	renewAt time.Time
}

func (g *Grant) good() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.renewAt) {
		return g.kept
	}
	return ""
}

// Token is a token that is good for a while.
func (g *Grant) Token(ctx context.Context) (string, error) {
	if kept := g.good(); kept != "" {
		return kept, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if g.Scope != "" {
		form.Set("scope", g.Scope)
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.Address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	rq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rq.Header.Set("Accept", "application/json")
	rq.SetBasicAuth(g.ID, g.Secret)
	data, err := g.Call(rq)
	if err != nil {
		return "", fmt.Errorf("no token from the issuer: %w", err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Token == "" {
		return "", errors.New("no token from the issuer: its answer has no access_token")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kept, g.renewAt = answer.Token, time.Now().Add(time.Duration(min(answer.Expires, 86400))*time.Second*4/5)
	return answer.Token, nil
}

// maxAnswer bounds what is read of an issuer.
const maxAnswer = 1 << 20

// Call makes a request to an issuer and reads the answer, which must be good and of a reasonable size.
func Call(client *http.Client, rq *http.Request) ([]byte, error) {
	resp, err := client.Do(rq)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s answers %s", rq.URL.Redacted(), resp.Status)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("%s answers more than %d bytes", rq.URL.Redacted(), maxAnswer)
	}
	return data, nil
}

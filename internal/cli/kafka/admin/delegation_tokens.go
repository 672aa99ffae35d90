package admin

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// DelegationTokens is kafka-delegation-tokens.
func DelegationTokens() *tool.Tool {
	return &tool.Tool{Name: "kafka-delegation-tokens", Purpose: "This tool helps to create, renew, expire, or describe delegation tokens.", Options: delegationTokensOptions(),
		Run: delegationTokens}
}

func delegationTokens(ctx context.Context, c *tool.Call) error {
	if c.Count("create", "renew", "expire", "describe") != 1 {
		return tool.Usage("Command must include exactly one action: --create, --renew, --expire or --describe")
	}
	if err := checkTokens(c); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	switch {
	case c.Has("create"):
		err = createToken(ctx, c, cluster)
	case c.Has("renew"):
		err = renewToken(ctx, c, cluster)
	case c.Has("expire"):
		err = expireToken(ctx, c, cluster)
	default:
		err = describeTokens(ctx, c, cluster)
	}
	return tool.Executed(err)
}

func checkTokens(c *tool.Call) error {
	errs := []error{c.Require("bootstrap-server", "command-config")}
	if c.Has("create") {
		errs = append(errs, c.Require("max-life-time-period"))
	}
	if c.Has("renew") {
		errs = append(errs, c.Require("hmac", "renew-time-period"))
	}
	if c.Has("expire") {
		errs = append(errs, c.Require("hmac", "expiry-time-period"))
	}
	return tool.First(append(errs,
		c.Exclude("create", "hmac", "renew-time-period", "expiry-time-period"),
		c.Exclude("renew", "renewer-principal", "max-life-time-period", "expiry-time-period", "owner-principal"),
		c.Exclude("expire", "renew", "max-life-time-period", "renew-time-period", "owner-principal"),
		c.Exclude("describe", "renew-time-period", "max-life-time-period", "hmac", "expiry-time-period"))...)
}

// principal is a type and a name: User:alice.
type principal struct{ kind, name string }

func (p principal) String() string { return p.kind + ":" + p.name }

func principals(c *tool.Call, option string) ([]principal, error) {
	all := []principal{}
	for _, text := range c.Values(option) {
		kind, name, ok := strings.Cut(strings.TrimSpace(text), ":")
		if !ok || name == "" {
			return nil, tool.Illegal("expected a string in format principalType:principalName but got %s", strings.TrimSpace(text))
		}
		all = append(all, principal{kind, name})
	}
	return all, nil
}

func joined(all []principal, separator string) string {
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = p.String()
	}
	return strings.Join(words, separator)
}

// minute is a time as the tool prints it.
func minute(millis int64) string { return time.UnixMilli(millis).Format("2006-01-02T15:04") }

// token is a line of the tool.
type token struct {
	id, hmac                string
	owner, requester        principal
	renewers                []principal
	issued, expires, latest int64
}

func printTokens(c *tool.Call, tokens []token) {
	row := func(id, hmac, owner, requester, renewers, issued, expires, latest string) {
		c.Printf("\n%-15s %-30s %-15s %-15s %-25s %-15s %-15s %-15s\n", id, hmac, owner, requester, renewers, issued, expires, latest)
	}
	row("TOKENID", "HMAC", "OWNER", "REQUESTER", "RENEWERS", "ISSUEDATE", "EXPIRYDATE", "MAXDATE")
	for _, t := range tokens {
		row(t.id, t.hmac, t.owner.String(), t.requester.String(), "["+joined(t.renewers, ",")+"]", minute(t.issued), minute(t.expires), minute(t.latest))
	}
}

func createToken(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	renewers, err := principals(c, "renewer-principal")
	if err != nil {
		return err
	}
	owners, err := principals(c, "owner-principal")
	life := c.Int("max-life-time-period", 64)
	if err = tool.First(c.Wrong(), err); err != nil {
		return err
	}
	c.Println("Calling create token operation with renewers :[" + joined(renewers, ", ") + "] , max-life-time-period :" + number(life))
	request := kmsg.NewPtrCreateDelegationTokenRequest()
	request.MaxLifetimeMillis = life
	for _, p := range renewers {
		r := kmsg.NewCreateDelegationTokenRequestRenewer()
		r.PrincipalType, r.PrincipalName = p.kind, p.name
		request.Renewers = append(request.Renewers, r)
	}
	if len(owners) > 0 {
		request.OwnerPrincipalType, request.OwnerPrincipalName = &owners[0].kind, &owners[0].name
	}
	a, err := tool.Ask[*kmsg.CreateDelegationTokenResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(a.ErrorCode, nil)
	}
	if err != nil {
		return err
	}
	c.Println("Created delegation token with tokenId : " + a.TokenID)
	printTokens(c, []token{{id: a.TokenID, hmac: base64.StdEncoding.EncodeToString(a.HMAC), owner: principal{a.PrincipalType, a.PrincipalName},
		requester: principal{a.TokenRequesterPrincipalType, a.TokenRequesterPrincipalName}, renewers: renewers, issued: a.IssueTimestamp, expires: a.ExpiryTimestamp, latest: a.MaxTimestamp}})
	return nil
}

func decodedHMAC(c *tool.Call) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(c.Value("hmac"))
	if err != nil {
		return nil, tool.Illegal("Illegal base64 character in the hmac: %v", err)
	}
	return raw, nil
}

func renewToken(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	period := c.Int("renew-time-period", 64)
	c.Println("Calling renew token operation with hmac :" + c.Value("hmac") + " , renew-time-period :" + number(period))
	request := kmsg.NewPtrRenewDelegationTokenRequest()
	var err error
	if request.HMAC, err = decodedHMAC(c); err != nil {
		return err
	}
	request.RenewTimeMillis = period
	a, err := tool.Ask[*kmsg.RenewDelegationTokenResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(a.ErrorCode, nil)
	}
	if err == nil {
		c.Printf("Completed renew operation. New expiry date : %s", minute(a.ExpiryTimestamp))
	}
	return err
}

func expireToken(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	period := c.Int("expiry-time-period", 64)
	c.Println("Calling expire token operation with hmac :" + c.Value("hmac") + " , expire-time-period :" + number(period))
	request := kmsg.NewPtrExpireDelegationTokenRequest()
	var err error
	if request.HMAC, err = decodedHMAC(c); err != nil {
		return err
	}
	request.ExpiryPeriodMillis = period
	a, err := tool.Ask[*kmsg.ExpireDelegationTokenResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(a.ErrorCode, nil)
	}
	if err == nil {
		c.Printf("Completed expire operation. New expiry date : %s", minute(a.ExpiryTimestamp))
	}
	return err
}

func describeTokens(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	owners, err := principals(c, "owner-principal")
	if err != nil {
		return err
	}
	request := kmsg.NewPtrDescribeDelegationTokenRequest()
	if len(owners) == 0 {
		c.Println("Calling describe token operation for current user.")
	} else {
		c.Println("Calling describe token operation for owners: [" + joined(owners, ", ") + "]")
	}
	for _, p := range owners {
		o := kmsg.NewDescribeDelegationTokenRequestOwner()
		o.PrincipalType, o.PrincipalName = p.kind, p.name
		request.Owners = append(request.Owners, o)
	}
	a, err := tool.Ask[*kmsg.DescribeDelegationTokenResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(a.ErrorCode, nil)
	}
	if err != nil {
		return err
	}
	var tokens []token
	for _, d := range a.TokenDetails {
		t := token{id: d.TokenID, hmac: base64.StdEncoding.EncodeToString(d.HMAC), owner: principal{d.PrincipalType, d.PrincipalName},
			requester: principal{d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName}, issued: d.IssueTimestamp, expires: d.ExpiryTimestamp, latest: d.MaxTimestamp}
		for _, r := range d.Renewers {
			t.renewers = append(t.renewers, principal{r.PrincipalType, r.PrincipalName})
		}
		tokens = append(tokens, t)
	}
	slices.SortFunc(tokens, func(a, b token) int { return strings.Compare(a.id, b.id) })
	c.Printf("Total number of tokens : %d", len(tokens))
	printTokens(c, tokens)
	return nil
}

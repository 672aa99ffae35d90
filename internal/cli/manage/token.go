package manage

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func tokenFamily(s run.Streams) *cobra.Command {
	return family("token", "Create delegation tokens, list, renew and expire them", tokenListCommand(s), tokenCreateCommand(s), tokenRenewCommand(s), tokenExpireCommand(s))
}

// token is what `leat token list -o json` prints of each.
type token struct {
	ID        string    `json:"id"`
	Owner     string    `json:"owner"`
	Requester string    `json:"requester"`
	Renewers  []string  `json:"renewers"`
	Issued    time.Time `json:"issued"`
	Expires   time.Time `json:"expires"`
	Latest    time.Time `json:"expires_at_the_latest"`
	Secret    string    `json:"secret,omitempty"` // of a new one only: the password with which it logs in

	hmac []byte
}

func tokenOf(d *kadm.DelegationToken) token {
	t := token{ID: d.TokenID, Owner: principal(d.Owner), Requester: principal(d.TokenRequesterPrincipal), Renewers: []string{}, Issued: d.IssueTimestamp.UTC(),
		Expires: d.ExpiryTimestamp.UTC(), Latest: d.MaxTimestamp.UTC(), hmac: d.HMAC}
	for _, r := range d.Renewers {
		t.Renewers = append(t.Renewers, principal(r))
	}
	return t
}

func principal(p kadm.Principal) string { return p.Type + ":" + p.Name }

func parsePrincipal(text string) kadm.Principal {
	kind, name, _ := strings.Cut(text, ":")
	return kadm.Principal{Type: kind, Name: name}
}

func readTokens(ctx context.Context, cl *cluster) ([]token, error) {
	resp, err := cl.admin.DescribeDelegationTokens(ctx)
	if err != nil {
		return nil, of("tokens", err)
	}
	all := []token{}
	for i := range resp {
		all = append(all, tokenOf(&resp[i]))
	}
	slices.SortFunc(all, func(a, b token) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

const moment = "2006-01-02 15:04:05"

func tokensTable(all []token) *present.Table {
	t := present.NewTable("TOKEN", "OWNER", "RENEWERS", "EXPIRES (UTC)", "AT THE LATEST (UTC)")
	for i := range all {
		t.Add(all[i].ID, all[i].Owner, strings.Join(all[i].Renewers, " "), all[i].Expires.Format(moment), all[i].Latest.Format(moment))
	}
	return t
}

func tokenListCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{Use: "list", Short: "List the tokens that you may see", Example: "  leat token list", Args: cobra.NoArgs})
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		all, err := readTokens(ctx, cl)
		if err != nil {
			return err
		}
		return c.Show(all, tokensTable(all))
	}
	return c.Command
}

func tokenCreateCommand(s run.Streams) *cobra.Command {
	var renewers []string
	var owner string
	var life time.Duration
	c := newCommand(s, &cobra.Command{
		Use: "create", Short: "Create a token with which programs can log in instead of you",
		Long: "Create a token with which programs can log in instead of you: with SCRAM, its id as the user and its secret as the password. The secret is shown once.\n" +
			"You must have logged in yourself, and not with a token.",
		Example: "  leat token create --max-life 24h\n  leat token create --renewer User:cron -o json",
		Args:    cobra.NoArgs,
	}).changes()
	f := c.Command.Flags()
	f.StringArrayVar(&renewers, "renewer", nil, "a `PRINCIPAL` who may renew it beside its owner; may be repeated")
	f.StringVar(&owner, "owner", "", "the `PRINCIPAL` whose token it shall be; without it you")
	f.DurationVar(&life, "max-life", 0, "how long it can be renewed at most; without it as the cluster says (delegation.token.max.lifetime.ms)")
	c.check = func([]string) error {
		if life < 0 {
			return fmt.Errorf("--max-life=%v: it is less than nothing", life)
		}
		if owner != "" {
			return checkPrincipals(renewers, []string{owner})
		}
		return checkPrincipals(renewers)
	}
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		rq := kadm.CreateDelegationToken{MaxLifetime: -time.Millisecond}
		if life > 0 {
			rq.MaxLifetime = life
		}
		if owner != "" {
			rq.Owner = new(parsePrincipal(owner))
		}
		for _, r := range renewers {
			rq.Renewers = append(rq.Renewers, parsePrincipal(r))
		}
		if c.Planning() {
			return c.Carry(ctx, present.Steps{{Object: "token", Action: "create", After: owner}}, "")
		}
		made, err := cl.admin.CreateDelegationToken(ctx, rq)
		if err != nil {
			return of("token", err)
		}
		t := tokenOf(&made)
		t.Secret = base64.StdEncoding.EncodeToString(made.HMAC)
		table := tokensTable([]token{t})
		table.Notes = []string{"secret (shown once): " + t.Secret}
		return c.Show(t, table)
	}
	return c.Command
}

// findToken is a token by its id: its secret, which stands for it in requests, need not be written on a command line.
func findToken(ctx context.Context, cl *cluster, id string) (*token, error) {
	all, err := readTokens(ctx, cl)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(t token) bool { return t.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("token %s: there is none that you may see: leat token list shows which there are", id)
	}
	return &all[i], nil
}

func tokenRenewCommand(s run.Streams) *cobra.Command {
	var by time.Duration
	c := newCommand(s, &cobra.Command{
		Use: "renew TOKEN", Short: "Let a token expire later", Example: "  leat token renew JGZ3dzQ1c --by 24h", Args: cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).changes()
	c.Command.Flags().DurationVar(&by, "by", 0, "how long from now; without it as the cluster says (delegation.token.expiry.time.ms)")
	c.check = func([]string) error {
		if by < 0 {
			return fmt.Errorf("--by=%v: it is less than nothing: leat token expire ends one", by)
		}
		return nil
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		t, err := findToken(ctx, cl, args[0])
		if err != nil {
			return err
		}
		after := "as the cluster says"
		if by == 0 {
			by = -time.Millisecond
		} else {
			after = time.Now().Add(by).UTC().Format(moment)
		}
		return c.Carry(ctx, present.Steps{{Object: "token " + t.ID, Action: "renew", What: "expires (UTC)", Before: t.Expires.Format(moment), After: after, Do: func(ctx context.Context) error {
			_, err := cl.admin.RenewDelegationToken(ctx, t.hmac, by)
			return err
		}}}, "")
	}
	return c.Command
}

func tokenExpireCommand(s run.Streams) *cobra.Command {
	var in time.Duration
	c := newCommand(s, &cobra.Command{
		Use: "expire TOKEN", Short: "End a token, now or sooner than it would", Example: "  leat token expire JGZ3dzQ1c --yes\n  leat token expire JGZ3dzQ1c --in 1h --yes",
		Args: cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).destroys()
	c.Command.Flags().DurationVar(&in, "in", 0, "how long it is still good; without it it ends at once")
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		t, err := findToken(ctx, cl, args[0])
		if err != nil {
			return err
		}
		after := "now"
		if in > 0 {
			after = time.Now().Add(in).UTC().Format(moment)
		} else {
			in = -time.Millisecond
		}
		return c.Carry(ctx, present.Steps{{Object: "token " + t.ID, Action: "expire", What: "expires (UTC)", Before: t.Expires.Format(moment), After: after, Do: func(ctx context.Context) error {
			_, err := cl.admin.ExpireDelegationToken(ctx, t.hmac, in)
			return err
		}}}, "expire token "+t.ID+" of "+t.Owner)
	}
	return c.Command
}

package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func userFamily(s run.Streams) *cobra.Command {
	return family("user", "Look at users with SCRAM passwords, create and delete them", userListCommand(s), userCreateCommand(s), userDeleteCommand(s))
}

// mechanisms are the words for SCRAM mechanisms.
var mechanisms = map[string]kadm.ScramMechanism{"SCRAM-SHA-256": kadm.ScramSha256, "SCRAM-SHA-512": kadm.ScramSha512}

const mechanismWords = "SCRAM-SHA-256 or SCRAM-SHA-512"

// user is what `leat user list -o json` prints of each.
type user struct {
	Name        string       `json:"name"`
	Credentials []credential `json:"credentials"`
}

type credential struct {
	Mechanism  string `json:"mechanism"`
	Iterations int32  `json:"iterations"`
}

func (u *user) words() string {
	var all []string
	for _, c := range u.Credentials {
		all = append(all, fmt.Sprintf("%s (%d iterations)", c.Mechanism, c.Iterations))
	}
	return strings.Join(all, ", ")
}

// readUsers asks for users that have passwords.
func readUsers(ctx context.Context, cl *cluster) ([]user, error) {
	resp, err := cl.admin.DescribeUserSCRAMs(ctx)
	if err != nil {
		return nil, of("users", err)
	}
	all := []user{}
	for _, d := range resp.Sorted() {
		if err := cmpErr(nil, d.Err, d.ErrMessage); err != nil {
			return nil, of("user "+d.User, err)
		}
		u := user{Name: d.User, Credentials: []credential{}}
		for _, c := range d.CredInfos {
			u.Credentials = append(u.Credentials, credential{c.Mechanism.String(), c.Iterations})
		}
		all = append(all, u)
	}
	return all, nil
}

func userListCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{Use: "list", Short: "List the users that have SCRAM passwords", Example: "  leat user list", Args: cobra.NoArgs})
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		users, err := readUsers(ctx, cl)
		if err != nil {
			return err
		}
		t := present.NewTable("USER", "PASSWORD FOR")
		for i := range users {
			t.Add(users[i].Name, users[i].words())
		}
		return c.Show(users, t)
	}
	return c.Command
}

func userCreateCommand(s run.Streams) *cobra.Command {
	var mechanism string
	var iterations int32
	c := newCommand(s, &cobra.Command{
		Use: "create USER", Short: "Create a user with a SCRAM password, or give one another password",
		Long: "Create a user with a SCRAM password, or give one another password. The password is asked for on a terminal; else it is the first line of the input.\n" +
			"It does not leave this machine: the cluster gets what was made of it with a salt.",
		Example: "  leat user create alice\n  leat user create alice < password-file",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).changes()
	c.Command.Flags().StringVar(&mechanism, "mechanism", "SCRAM-SHA-512", mechanismWords)
	c.Command.Flags().Int32Var(&iterations, "iterations", 4096, "how much work a login is, and a guess: 4096 to 16384")
	_ = c.RegisterFlagCompletionFunc("mechanism", cobra.FixedCompletions([]string{"SCRAM-SHA-256", "SCRAM-SHA-512"}, cobra.ShellCompDirectiveNoFileComp))
	var password string
	c.check = func(args []string) (err error) {
		if _, ok := mechanisms[mechanism]; !ok {
			return fmt.Errorf("--mechanism=%s: it is %s", mechanism, mechanismWords)
		}
		if iterations < 4096 || iterations > 16384 {
			return fmt.Errorf("--iterations=%d: 4096 to 16384", iterations)
		}
		if !c.Planning() {
			password, err = c.Secret("password of " + args[0])
		}
		return err
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		users, err := readUsers(ctx, cl)
		if err != nil {
			return err
		}
		step := present.Step{Object: "user " + args[0], Action: "create", After: mechanism, Do: func(ctx context.Context) error {
			resp, err := cl.admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: args[0], Mechanism: mechanisms[mechanism], Iterations: iterations, Password: password}})
			return cmpErr(err, resp[args[0]].Err, resp[args[0]].ErrMessage)
		}}
		if i := slices.IndexFunc(users, func(u user) bool { return u.Name == args[0] }); i >= 0 {
			step.Action, step.Before = "set password", users[i].words()
		}
		return c.Carry(ctx, present.Steps{step}, "")
	}
	return c.Command
}

func userDeleteCommand(s run.Streams) *cobra.Command {
	var mechanism string
	c := newCommand(s, &cobra.Command{
		Use: "delete USER...", Short: "Delete the SCRAM passwords of users",
		Example: "  leat user delete alice --yes\n  leat user delete alice --mechanism SCRAM-SHA-256 --plan",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).destroys()
	c.Command.Flags().StringVar(&mechanism, "mechanism", "", mechanismWords+"; without it all that the user has")
	c.check = func([]string) error {
		if _, ok := mechanisms[mechanism]; !ok && mechanism != "" {
			return fmt.Errorf("--mechanism=%s: it is %s", mechanism, mechanismWords)
		}
		return nil
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		users, err := readUsers(ctx, cl)
		if err != nil {
			return err
		}
		var steps present.Steps
		for _, name := range args {
			i := slices.IndexFunc(users, func(u user) bool { return u.Name == name })
			if i < 0 {
				return fmt.Errorf("user %s: it has no SCRAM password: leat user list shows who has", name)
			}
			for _, have := range users[i].Credentials {
				if mechanism != "" && have.Mechanism != mechanism {
					continue
				}
				steps = append(steps, present.Step{Object: "user " + name, Action: "delete password", What: have.Mechanism, Do: func(ctx context.Context) error {
					resp, err := cl.admin.AlterUserSCRAMs(ctx, []kadm.DeleteSCRAM{{User: name, Mechanism: mechanisms[have.Mechanism]}}, nil)
					return cmpErr(err, resp[name].Err, resp[name].ErrMessage)
				}})
			}
		}
		return c.Carry(ctx, steps, "delete the passwords of "+strings.Join(args, ", "))
	}
	return c.Command
}

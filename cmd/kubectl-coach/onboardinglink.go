package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/onboarding"
)

func linkCommand(a app) *cobra.Command {
	var pages onboarding.Pages
	var installation string
	command := &cobra.Command{
		Use:   "onboarding-link NAME",
		Short: "Create a one-time Stripe onboarding link for a coach",
		Long: `Create a one-time link to Stripe's onboarding forms for the coach of a PayoutAccount, and print it. The link works once
and expires after some minutes. Stripe takes the person who opens it for the coach. Previews in mails and chats use it up:
open it for the coach, or hand it over at once. It is not stored. Run the command again for another link.

This command is for administrators. It reads the Secret with the key of the business's Stripe account with your own
rights.

Only the link goes to standard output. Exit codes: 0 when a link was created, 2 on an error.`,
		Example: "  kubectl coach onboarding-link jo -n tenant-acme --return-url https://acme.example.com/welcome",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.link(command.Context(), args[0], pages, installation)
		},
	}
	flags := command.Flags()
	flags.StringVar(&pages.Return, "return-url", "", "the https page that the coach returns to; default: the account's "+
		"spec.businessProfile.url")
	flags.StringVar(&pages.Refresh, "refresh-url", "", "the https page for a coach whose link has expired or was used; "+
		"default: that of --return-url")
	installationFlag(flags, &installation)
	return command
}

func (a app) link(ctx context.Context, name string, pages onboarding.Pages, installation string) error {
	cluster, err := a.connect()
	if err != nil {
		return err
	}
	account, err := cluster.payoutAccount(ctx, name)
	if err != nil {
		return err
	}
	pages.Return = cmp.Or(pages.Return, account.Spec.BusinessProfile.URL)
	pages.Refresh = cmp.Or(pages.Refresh, pages.Return)
	if pages.Return == "" {
		return errors.New("set the page that the coach returns to: --return-url https://…")
	}
	b, err := cluster.business(ctx, account.Spec.PlatformName, installation)
	if err != nil {
		return err
	}
	minter := onboarding.Minter{Stripe: stripe.New(a.stripe), Clock: clock.RealClock{}}
	link, err := minter.Link(ctx, onboarding.Order{
		Platform: b.platform, Account: account, Installation: b.tenant.Installation, NamespaceUID: b.tenant.NamespaceUID, Key: b.key,
	}, pages)
	if err != nil {
		return spoken(err)
	}
	if _, err := fmt.Fprintln(a.out, link.URL.Reveal()); err != nil {
		return errors.New("the link could not be written and is lost: run the command again")
	}
	// Whether this can be written does not matter: the link was.
	_, _ = fmt.Fprintf(a.errs, "It works once, until %s. Stripe takes the person who opens it for the coach: do not mail it or post it in "+
		"a chat, where previews use it up. It is not stored.\n", link.Expires.UTC().Format(time.TimeOnly+" MST"))
	return nil
}

// payoutAccount returns the object of a coach, or an error that says what to do.
func (c cluster) payoutAccount(ctx context.Context, name string) (*v1alpha1.PayoutAccount, error) {
	found := &v1alpha1.PayoutAccount{}
	err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no PayoutAccount %s in the namespace %s: kubectl get pa -A lists those that you may see",
			name, c.namespace)
	case err != nil:
		return nil, c.explain("PayoutAccount", name, err)
	}
	return found, nil
}

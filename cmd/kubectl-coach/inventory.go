package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// inventoryFormats are how an inventory can be shown.
var inventoryFormats = map[string]func(io.Writer, inventory) error{
	"table": inventoryTable, "json": inventoryJSON, "yaml": inventoryYAML,
}

func inventoryCommand(a app) *cobra.Command {
	var format, installation string
	command := &cobra.Command{
		Use:   "inventory PLATFORM",
		Short: "Compare a platform's PayoutAccounts with the accounts that Stripe lists",
		Long: `Compare the PayoutAccounts of a platform with all accounts that Stripe lists for the business. It lists accounts with
this platform's metadata that no PayoutAccount claims, released accounts, PayoutAccounts whose account is missing, and
coaches with more than one account. It reads every account of the business, which takes a while if there are many. It
changes and deletes nothing.

This command is for administrators. It reads the Secret with the key of the business's Stripe account with your own
rights.

Exit codes: 0 when no account needs attention, 1 when one does, 2 on an error.`,
		Example: "  kubectl coach inventory acme -n tenant-acme\n  kubectl coach inventory acme -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.inventory(command.Context(), args[0], format, installation)
		},
	}
	command.Flags().StringVarP(&format, "output", "o", "table", "table, json or yaml")
	installationFlag(command.Flags(), &installation)
	return command
}

func (a app) inventory(ctx context.Context, name, format, installation string) error {
	show, ok := inventoryFormats[format]
	if !ok {
		return fmt.Errorf("-o %s: one of table, json, yaml", format)
	}
	cluster, err := a.connect()
	if err != nil {
		return err
	}
	b, err := cluster.business(ctx, name, installation)
	if err != nil {
		return err
	}
	found, err := a.compare(ctx, cluster, b)
	if err != nil {
		return spoken(err)
	}
	if err := show(a.out, found); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if found.Amiss > 0 {
		return exit(codeViolated)
	}
	return nil
}

// compare reads Stripe first and the objects afterwards: an object records its account right after the
// account was created, and in the other order that record would be missed.
func (a app) compare(ctx context.Context, cluster cluster, b business) (inventory, error) {
	stripes, err := stripe.New(a.stripe).For(b.key)
	if err != nil {
		return inventory{}, err
	}
	if stripes.Key().Live != b.live() {
		return inventory{}, fmt.Errorf("the key of the platform %s is %s, and spec.stripe.mode is %s: put a key of that mode into the Secret %s",
			b.platform.Name, stripes.Key(), b.platform.Spec.Stripe.Mode, b.platform.Spec.Stripe.CredentialsSecretName)
	}
	own, _, err := stripes.Platform(ctx, false)
	if err != nil {
		return inventory{}, stripe.Classify(err)
	}
	listing, err := sweep(ctx, stripes)
	if err != nil {
		return inventory{}, stripe.Classify(err)
	}
	objects, err := cluster.payoutAccounts(ctx, b.platform.Name)
	if err != nil {
		return inventory{}, err
	}
	accounts, err := recheck(ctx, stripes, own.ID, slices.Collect(listing.All()), objects)
	if err != nil {
		return inventory{}, stripe.Classify(err)
	}
	return take(b, own.ID, accounts, objects), nil
}

// sweep lists all accounts of the business, however long that takes.
func sweep(ctx context.Context, from *stripe.Client) (*stripe.Listing, error) {
	for {
		listing, err := from.Listing(ctx, time.Time{})
		if err == nil || fault.ClassOf(err) != fault.Waiting {
			return listing, err
		}
	}
}

// recheck reads the accounts that objects claim and that Stripe did not list: a listing lags, and only a
// read of the account itself proves that it is gone.
func recheck(
	ctx context.Context, from *stripe.Client, own string, listed []scope.Account, objects []v1alpha1.PayoutAccount,
) ([]scope.Account, error) {
	known := map[string]bool{}
	for i := range listed {
		known[listed[i].ID] = true
	}
	for i := range objects {
		record := recorded(&objects[i])
		if record.Business != own || known[record.Account] {
			continue
		}
		known[record.Account] = true
		account, err := from.Get(ctx, record.Account)
		switch {
		case stripe.IsGone(err) || err == nil && account.Gone:
		case err != nil:
			return nil, err
		default:
			listed = append(listed, account)
		}
	}
	return listed, nil
}

// recorded is the account that the operator has recorded for an object.
func recorded(object *v1alpha1.PayoutAccount) scope.AccountRecord {
	return scope.ParseAccountRecord(object.Annotations[v1alpha1.AnnotationAccount])
}

// payoutAccounts returns the objects of a platform.
func (c cluster) payoutAccounts(ctx context.Context, platform string) ([]v1alpha1.PayoutAccount, error) {
	var all v1alpha1.PayoutAccountList
	if err := c.List(ctx, &all, client.InNamespace(c.namespace)); err != nil {
		return nil, c.explain("PayoutAccounts of", platform, err)
	}
	return slices.DeleteFunc(all.Items, func(a v1alpha1.PayoutAccount) bool { return a.Spec.PlatformName != platform }), nil
}

func inventoryJSON(to io.Writer, found inventory) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(found)
}

func inventoryYAML(to io.Writer, found inventory) error {
	text, err := yaml.Marshal(found)
	if err != nil {
		return err
	}
	_, err = to.Write(text)
	return err
}

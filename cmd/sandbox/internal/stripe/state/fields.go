package state

import (
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// The limits of metadata.
const (
	metadataKeys  = 50
	metadataKey   = 40
	metadataValue = 500
)

// writeMetadata merges what was sent into metadata: an empty value takes a key
// away, and an empty string in place of all of them clears them.
func writeMetadata(metadata object.Object, sent any, clearAll func()) *Error {
	if sent == "" {
		clearAll()
		return nil
	}
	values, _ := sent.(object.Object)
	for name, value := range values {
		text, isText := value.(string)
		switch {
		case !isText:
			return refuse("metadata["+name+"]", "", "Metadata values must be strings.")
		case len(name) > metadataKey:
			return refuse("metadata", "", "Metadata keys can have up to %d characters, but you passed in a key that is %d characters.",
				metadataKey, len(name))
		case len(text) > metadataValue:
			return refuse("metadata["+name+"]", "", "Metadata values can have up to %d characters, but you passed in a value that is "+
				"%d characters.", metadataValue, len(text))
		case text == "":
			delete(metadata, name)
		default:
			metadata[name] = text
		}
	}
	if len(metadata) > metadataKeys {
		return refuse("metadata", "", "You may only specify up to %d metadata keys on this resource.", metadataKeys)
	}
	return nil
}

// writeSchedule changes the payout schedule. Stripe keeps funds for a minimum of
// days, whatever was requested.
func (a *Account) writeSchedule(sent object.Object) *Error {
	if sent == nil {
		return nil
	}
	schedule := object.Child(a.doc, "settings", "payouts", "schedule")
	next, _ := object.Clone(schedule).(object.Object)
	object.Merge(next, sent)
	least := minimumDelay(object.Text(a.doc, "country"))
	switch days := next["delay_days"].(type) {
	case string:
		next["delay_days"] = least
	case int:
		const most = 31
		if days > most {
			return refuse("settings[payouts][schedule][delay_days]", "", "You cannot set a delay of more than %d days.", most)
		}
		next["delay_days"] = max(days, least)
	}
	if failure := checkAnchors(next, sent); failure != nil {
		return failure
	}
	object.Child(a.doc, "settings", "payouts")["schedule"] = next
	return nil
}

// checkAnchors holds anchors against the interval they belong to, and drops
// those of another one.
func checkAnchors(next, sent object.Object) *Error {
	for name, interval := range map[string]string{"weekly_anchor": "weekly", "monthly_anchor": "monthly"} {
		param := "settings[payouts][schedule][" + name + "]"
		_, given := sent[name]
		_, known := next[name]
		switch belongs := next["interval"] == interval; {
		case given && !belongs:
			return refuse(param, "", "You can only set `%s` with the `%s` interval.", name, interval)
		case belongs && !known:
			return refuse(param, "parameter_missing", "The `%s` interval needs a `%s`.", interval, name)
		case !belongs:
			delete(next, name)
		}
	}
	const lastDay = 31
	if day, ok := next["monthly_anchor"].(int); ok && (day < 1 || day > lastDay) {
		return refuse("settings[payouts][schedule][monthly_anchor]", "", "A monthly anchor is a day from 1 to %d.", lastDay)
	}
	return nil
}

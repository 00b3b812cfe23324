package state

import (
	"slices"
	"strings"
)

// iso is every country of ISO 3166-1.
const iso = `AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM
KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ
SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU
WF WS YE YT ZA ZM ZW`

var countries = strings.Fields(iso)

func isCountry(code string) bool { return slices.Contains(countries, code) }

// closed are the countries in which no platform may create accounts, and those
// which one platform's country may not. A small part of Stripe's own list.
var (
	closed    = strings.Fields("AF BY CU IR KP RU SD SS SY VE YE ZW")
	closedFor = map[string][]string{"US": {"JM", "BR", "IN"}, "DE": {"JM", "US"}, "BR": {"US", "DE"}}
)

// mayCreateIn reports whether a platform may have accounts in a country.
func mayCreateIn(platform, country string) bool {
	return !slices.Contains(closed, country) && !slices.Contains(closedFor[platform], country)
}

// minimumDelay is how many days funds are held at least.
func minimumDelay(country string) int {
	const most = 3
	if days, ok := map[string]int{"US": 2, "AU": 2, "NZ": 4, "JP": 4, "TH": 7, "IN": 5, "BR": 30}[country]; ok {
		return days
	}
	return most
}

var euro = strings.Fields("AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK")

// currencyOf is the currency of a country, of those that matter.
func currencyOf(country string) string {
	if slices.Contains(euro, country) {
		return "eur"
	}
	currencies := map[string]string{
		"GB": "gbp", "CH": "chf", "CA": "cad", "AU": "aud", "NZ": "nzd", "JP": "jpy", "BR": "brl", "IN": "inr",
		"TH": "thb", "SE": "sek", "NO": "nok", "DK": "dkk", "PL": "pln", "CZ": "czk", "MX": "mxn",
	}
	if currency, ok := currencies[country]; ok {
		return currency
	}
	return "usd"
}

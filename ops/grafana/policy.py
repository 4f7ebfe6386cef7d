"""Policy: what is decided, where, why, and by which rulebook."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from ops.grafana.parts import JOB, Limit, Query, board, choice, lines, number, over, rate

CITY = 'city=~"$city"'
OVERCHARGES = 'reason=~"charged_above_regulated_price|out_of_catalogue_beside_regulated_price"'


def policy() -> Dashboard:
    chosen = f"{JOB}, {CITY}"
    return (
        board(
            "petct-policy",
            "Policy",
            "Outcomes by city and reason, overcharges, the share a person must look at, rulebooks across workers.",
            "petct_build_info",
        )
        .with_variable(choice("city", "City of the insured", "petct_settlements_total"))
        .with_row(Row("Rulebook"))
        .with_panel(
            number(
                "Rulebooks in force",
                "petct_rulebook_info",
                Query(f"count(count by (hash) (petct_rulebook_info{{{JOB}}}))"),
                Limit(2, "red"),
                unit="short",
                width=5,
            )
        )
        .with_panel(
            number(
                "Until the first entry must be reviewed",
                "petct_rulebook_review_deadline_timestamp_seconds",
                Query(f"{over('min', 'petct_rulebook_review_deadline_timestamp_seconds')} - time()"),
                Limit(0, "yellow"),
                Limit(30 * 86400, "green"),
                below="red",
                width=5,
            )
        )
        .with_panel(
            number(
                "Workers that refuse the newest release",
                "petct_rulebook_newest_release_refused",
                Query(over("sum", "petct_rulebook_newest_release_refused")),
                Limit(1, "red"),
                width=5,
            )
        )
        .with_panel(
            lines(
                "Do all workers decide by the same notices?",
                "petct_rulebook_info",
                Query(f"count by (hash) (petct_rulebook_info{{{JOB}}})", "{{hash}}"),
                unit="short",
                stacked=True,
                width=9,
                note="Workers by rulebook.",
            )
        )
        .with_row(Row("Decisions"))
        .with_panel(
            lines(
                "What do we decide?",
                "petct_settlements_total",
                Query(rate("petct_settlements_total", "outcome", where=CITY), "{{outcome}}"),
                per_second=True,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Where must a person look?",
                "petct_settlements_total",
                Query(f"max by (city) (city:petct_settlements:needs_review_share1h{{{chosen}}})", "{{city}}"),
                unit="percentunit",
                note="Share of the settlements of the last hour that need review.",
            )
        )
        .with_panel(
            lines(
                "Is one city unlike the others?",
                "petct_settlements_total",
                Query(rate("petct_settlements_total", "city", where=CITY), "{{city}}"),
                per_second=True,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Why do we decide so?",
                "petct_reasons_total",
                Query(f"{rate('petct_reasons_total', 'reason', where=CITY)} > 0", "{{reason}}"),
                unit="suffix: /s",
                stacked=True,
            )
        )
        .with_row(Row("Charges"))
        .with_panel(
            lines(
                "Where do hospitals charge too much?",
                "petct_reasons_total",
                Query(f"{rate('petct_reasons_total', 'city', where=f'{CITY}, {OVERCHARGES}')} > 0", "{{city}}"),
                unit="suffix: /s",
                stacked=True,
                note="Lines above the regulated price, or with a part outside the catalogue beside it.",
            )
        )
        .with_panel(
            lines(
                "What must hospitals bear?",
                "petct_money_yuan_total",
                Query(
                    rate("petct_money_yuan_total", "outcome", where='bearer="hospital", direction="charged"'),
                    "{{outcome}}",
                ),
                per_second=True,
            )
        )
        .with_row(Row("Surveillance"))
        .with_panel(
            lines(
                "What does surveillance find?",
                "petct_surveillance_findings_total",
                Query(
                    'sum by (rule) (rate(petct_surveillance_findings_total{kind="raised"}[$__rate_interval])) > 0',
                    "{{rule}}",
                ),
                per_second=True,
                stacked=True,
                note="Of all watch workers. Suspicions, not verdicts: whose they are stands on settlement.alerts.",
            )
        )
        .with_panel(
            lines(
                "Does its memory stay bounded?",
                "petct_surveillance_held_facts",
                Query("sum by (subjects) (petct_surveillance_held_facts)", "{{subjects}}"),
                unit="short",
            )
        )
    )

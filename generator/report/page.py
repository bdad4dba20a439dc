"""Writes the text of the report about the simulated platform."""

from __future__ import annotations

from typing import Any

PAGE = """\
# The simulated platform in numbers

{events:,} events over a week, seed {seed}, without faulty records; then a scenario. Figures: `statistics.json`.
The published properties are for comparison. Only the exponents of activity and reactions were chosen to be
near them; nothing else was fitted.

## Activity

![](activity.svg)

{active_users:,} users acted. The most active tenth made {share_of_top_10_percent:.0%} of the actions, the most
active hundredth {share_of_top_1_percent:.0%}. *Published:* among adult Twitter users in the USA the most active tenth
wrote 80 % of the tweets (Wojcik and Hughes, "Sizing Up Twitter Users", Pew Research Center 2019).

## Followers

![](followers.svg)

{mean_followers} followers on average, {most} at most; the tail's exponent is {follower_exponent}. *Published:* 2.28 for
Twitter's followers up to 100,000 (Kwak, Lee, Park and Moon, "What is Twitter, a social network or a news media?",
WWW 2010). The mechanism, the rich get richer, is that of Barabási and Albert ("Emergence of scaling in random
networks", Science 286, 1999).

## Cascades

![](cascades.svg)

Of {posts:,} posts {without_reaction:.0%} drew no reaction; the mean is {mean_reactions}, the largest
{largest:,}; the tail's exponent is {cascade_exponent}. *Published:* most cascades are tiny and their sizes
heavy-tailed (Bakshy, Hofman, Mason and Watts, "Everyone's an influencer", WSDM 2011; Goel, Anderson, Hofman and
Watts, "The structural virality of online diffusion", Management Science 62, 2016). A copying process with a share a
of new posts has the exponent 1 + 1/(1 - a) (Simon, "On a class of skew distribution functions", Biometrika 42,
1955). Posts are forgotten, which makes the tail steeper; the effect grows as fewer events fall into a post's life,
as in this slow week.

## Delays

![](delays.svg)

Half of the reactions came within {median_s:,.0f} s, 90 % within {p90_s:,.0f} s. *Published:* the density of reaction
times is constant for about five minutes and then falls as a power of 1.24 (Zhao, Erdogdu, He, Rajaraman and
Leskovec, "SEISMIC", KDD 2015); the generator uses that kernel. At hundreds of events a second delays are
shorter, because the generator remembers a limited number of activities: reactions then come within minutes at most.

## Day and week

![](cycle.svg)

By the local time of the acting user the quietest hour is {quietest_local_hour}, the busiest
{busiest_local_hour}, {busiest_over_quietest} times as busy. *Published:* a trough before dawn, a rise through the
morning and an evening peak in all cultures studied (Golder and Macy, "Diurnal and seasonal mood vary with work,
sleep, and daylength across diverse cultures", Science 333, 2011).

## Vocabulary

![](vocabulary.svg)

{distinct:,} distinct words among {words:,}; they grow as the {growth_exponent} power. *Published:* about 0.5 for
edited English (Heaps' law; Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section
5.1.1). The generator's vocabulary never stops growing, because hashtags, names, links and typos are always
new, as on real platforms.

## Mood

![](mood.svg)

Moods over the week: {moods}. Comments share the mood of their post: {agreement}.

| episode | texts | negative |
|---|---|---|
{episodes}

Episodes are shaded. The ledger has their start, end and effect, so alerts and dashboards can be compared with them.
"""


def page(statistics: dict[str, Any], events: int, seed: int) -> str:
    """Return the report as Markdown."""
    followers, cascades = statistics["followers"], statistics["cascades"]
    episodes = statistics["episodes"]["by_episode"].items()
    return PAGE.format(
        events=events,
        seed=seed,
        **statistics["activity"],
        **statistics["delays"],
        **statistics["cycle"],
        **statistics["vocabulary"],
        mean_followers=followers["mean"],
        most=followers["most"],
        follower_exponent=followers["tail_exponent"],
        posts=cascades["posts"],
        without_reaction=cascades["without_reaction"],
        mean_reactions=cascades["mean"],
        largest=cascades["largest"],
        cascade_exponent=cascades["tail_exponent"],
        moods=_shares(statistics["moods"]),
        agreement=_shares(statistics["replies_in_the_posts_mood"]),
        episodes="\n".join(f"| {name} | {e['texts']:,} | {e['negative']:.0%} |" for name, e in episodes),
    )


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())

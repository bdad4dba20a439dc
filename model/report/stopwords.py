"""Words that say nothing about a topic. Negators and intensifiers are not among them: they decide.

Used where words are shown or counted: clouds, typical terms.
"""

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being between both by can could
    did do does doing down during each few for from further get gets getting go going gonna got had has have
    having he her here hers herself him himself his how http https i if i'd i'll i'm i've im in into is it
    it's its itself just let let's me more most my myself of off on once one only or other our ours ourselves
    out over own rt s same she should so some such t than that that's the their theirs them themselves then
    there there's these they they're this those through to today u under until up ur us via was we we're were
    what when where which while who whom why will with would you you'd you'll you're you've your yours
    yourself yourselves""".split()  # noqa: SIM905
)

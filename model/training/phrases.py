"""Phrases of English that mean something else than their words, written down for this project.

"a/b c" stands for "a c" and "b c"; apostrophes do not count. Phrases whose words say the same already ("great job")
are not needed. A phrase that is often meant literally ("a piece of cake") does not belong here.
"""

from __future__ import annotations

from model.runtime.phrases import DENYING, PLAIN, PRAISE, SCORN

_PRAISE = """
    killing/killed/kills/crushing/crushed/nailing/slaying/slayed it
    nailed it
    nailed this/that
    knocked/knocks/knock it out of the park
    out of the park
    out of this world
    blew/blown/blows me away
    blew/blown/blows my mind
    blew us away
    blown away
    mind blown
    on cloud nine
    over the moon
    on top of the world
    thumbs up
    top notch
    second to none
    a breath of fresh air
    hidden gem
    an absolute gem
    a real gem
    such a gem
    the bee's knees
    the cat's pyjamas
    the real deal
    the bomb
    da bomb
    dope af
    hit/hits the spot
    hit/hits the nail on the head
    hits different
    made/makes/making my day/week/night/morning/year/weekend
    made/makes our day/week
    make my day
    worth every penny/cent/minute/second/dollar
    worth the wait/money/price/trip/drive/read/watch
    well worth it
    so worth it
    totally worth it
    was worth it
    money well spent
    best thing since sliced bread
    greatest thing since sliced bread
    sliced bread
    can't/cannot/couldn't/cant get enough
    can't/cannot/couldn't stop smiling/laughing/watching/playing/listening/dancing/reading
    can't/cannot/couldn't put it down
    can't/cannot/couldn't go wrong
    can't/cannot/couldn't be beat/beaten
    can't beat
    can't fault
    can't complain
    cannot complain
    can't recommend it/this/them enough
    can't praise it/this/them enough
    can't say enough
    can't thank you/them/him/her enough
    can't/cannot wait
    couldn't/can't/cannot/couldnt ask for more
    couldn't/can't ask for anything more
    couldn't/can't ask for a better
    couldn't/can't ask for better
    couldn't/can't agree more
    couldn't have asked for more
    couldn't have asked for a better
    couldn't have asked for better
    what more could/can you/i/we ask for
    wouldn't change a thing
    would not change a thing
    nothing to complain about
    no complaints
    no complaint
    never/not a dull moment
    never gets old
    never got old
    never fails to make/impress/amaze/deliver/cheer/entertain
    never lets/letting me/us/you down
    never disappoints/disappoint/disappointed
    doesn't/didn't/don't/not disappoint
    does not disappoint
    did not disappoint
    won't/wont disappoint
    will not disappoint
    won't regret it
    won't be disappointed
    will not be disappointed
    not too shabby
    not half bad
    big/huge/massive fan
    a fan of yours
    i'm/im a fan
    you rock
    you/they/he/she/we guys rock
    this/it/that rocks
    rock/rocks/rocked my world
    keep it up
    way to go
    hats off
    props to
    kudos to
    shout out to
    shoutout to
    well played
    good on you/ya/him/her/them
    two thumbs up
    on point
    on fleek
    spot on
    bang on
    ticks all the boxes
    checks all the boxes
    like a charm
    like a dream
    smooth as silk
    went down a treat
    works a treat
    had a blast
    having a blast
    such a blast
    was a blast
    time of my life
    time of our lives
    living the dream
    dream come true
    dreams come true
    in love with
    head over heels
    warms/warmed/warm my/the heart
    melts/melted/melt my heart
    puts/put a smile on
    jumping for joy
    happy tears
    tears of joy
    lucky to have
    blessed to have
    look/looking forward to
    thank goodness
    game changer
    life saver
    a life changer
    a must have
    must see
    must read
    must watch
    must buy
    goes above and beyond
    went above and beyond
    going above and beyond
    above and beyond
    raised/raises the bar
    stole/steals the show
    goat status
    the goat
    straight fire
    so sick i
    sick beat/beats/track/goal
    insanely good
    stupidly good
    crazy/ridiculously/scary/wicked good
    damn/so damn/fucking good
    the shit
    bad ass
    love love love
    up my alley
    five stars
    no wonder i/we love
    nothing but love/respect/praise/admiration
    needed this
    exactly what i needed
    as good as it gets
    better than ever
    better than i/we expected
    better than expected
    better late than never
    feels like home
    feel at home
    not/isn't/wasn't/aren't/ain't bad
    not/isn't/wasn't/aren't/ain't that/so/too/half bad
    keep up the good/great/amazing work
    good for you
    never let/lets/letting me/us/you down
    not let me/us/you down
    nothing bad to say
"""
_SCORN = """
    fed up
    sick of
    sick and tired
    tired of
    done with this/that/them/you/him/her/it/these/people/everything
    so done
    over it
    i'm/im over this
    had enough
    have had enough
    had it with
    enough is enough
    waste/wasted/wasting/wastes of time/money/space
    waste/wasted/wasting my/your/our time/money
    a waste
    rip/ripped/rips off
    ripped me off
    pain in the neck/ass/butt/arse
    up the wall
    drives/driving/drove/drive me crazy/mad/nuts/insane/bonkers
    gets/get/getting/got on my nerves
    get under my skin
    slap in the face
    down the drain/toilet/tubes
    went downhill
    gone downhill
    going downhill
    makes/making/made my blood boil
    blood boil
    last/final straw
    bad taste
    bitter taste
    what a joke
    is a joke
    are a joke
    a sick/bad joke
    my/your money back
    don't waste
    do not waste
    don't bother
    do not bother
    don't buy
    do not buy
    don't recommend
    do not recommend
    not/wouldn't/won't/can't/cannot recommend
    would not recommend
    never again
    never ever again
    not again
    thanks for nothing
    thank you for nothing
    thanks a lot for nothing
    yeah right
    oh great
    oh joy
    just great
    so much for
    nice going
    nice try
    good riddance
    cry/crying me a river
    my ass
    load of crap/rubbish/bull/bs
    piece of crap/shit/junk/garbage/trash
    full of bugs/crap/shit/it/bs
    full of shit/crap
    arm and a leg
    not/isn't/never/wasn't my/his/her cup of tea
    not/isn't my thing
    not my favorite/favourite
    not all it's cracked up
    not impressed
    not amused
    not worth
    isn't/wasn't/ain't worth
    not a fan
    not a big/huge fan
    not ok
    not okay
    not fair
    not funny
    no thanks
    no fun
    no good
    no way to treat
    no bueno
    up to no good
    can't/cannot/couldn't/cant stand
    can't/cannot deal
    can't/cannot cope
    can't/cannot take it/this anymore
    can't/cannot take any more
    couldn't/could care less
    could not care less
    don't/dont care less
    can't/cannot be bothered
    give/gave/giving up on
    give me a break
    gimme a break
    for the love of god
    for god's/gods/heaven's/fucks/fuck's sake
    what the hell/fuck/heck
    screw you/this/them/that/it/up
    screwed up/over
    fuck/fucked up
    fuck/f you/off/this/that/them/him/her
    pissed/pisses/piss off/me
    messed/mess up
    kill me
    shoot me
    just my luck
    let/lets/letting me/us down
    let down
    such a let down
    leaves/left/leave a lot to be desired
    lot to be desired
    too little too late
    too good to be true
    hard pass
    thumbs down
    two thumbs down
    falls/fell/fall flat
    falls/fell/fall apart/short
    fall asleep
    put/puts me to sleep
    bored to death/tears
    bored out of my mind
    bore me to death
    scared to death
    on my last nerve
    last nerve
    worst nightmare
    living nightmare
    train wreck
    dumpster fire
    hot mess
    a shit show
    epic/total/major/big/huge fail
    should be ashamed
    ought to be ashamed
    shame on
    shame about
    a shame
    what a shame
    what a pity
    a disgrace
    heart breaking
    breaks/broke/breaking my heart
    heart is broken
    feel/feeling/feels like shit/crap
    feel/feeling under the weather
    under the weather
    rubs me the wrong way
    rub me the wrong way
    left me hanging
    left a mess
    back to square one
    bit the dust
    bites/bite me
    rock bottom
    throwing/threw in the towel
    bursts/burst my bubble
    add insult to injury
    insult to injury
    get a life
    get over yourself
    shut/stfu up
"""
_DENYING = """
    no one
    used to love/like/enjoy/be
    far from
    anything but
    wanted to like/love/enjoy
    want to like/love
    by no means
    no longer
    not/never at all
"""
_PLAIN = """
    can't/cannot/couldn't believe
    not only
    not just
    not to mention
    no doubt
    no matter
    no wonder
    no kidding
    no lie
    why not
    if not
    or not
    can't/couldn't help but
    never/nothing been/felt/seen/looked/tasted/heard/met so/such
    never have i been so
    never been/felt this/more
    never had such
    never had so
    never seen/heard/read anything so
    couldn't/can't be more
    couldn't have been more
    nothing short of
    none other than
    feel/feels/felt/look/looks/looked/sound/sounds like
    just/something/anything/nothing like
    would/i'd/we'd like to
    pretty sure/much
"""


def load() -> dict[str, str]:
    """Each phrase, as `runtime.phrases.Phrases` reads it, to its kind."""
    lists = ((_PLAIN, PLAIN), (_DENYING, DENYING), (_PRAISE, PRAISE), (_SCORN, SCORN))
    return {line.strip(): kind for text, kind in lists for line in text.strip().splitlines()}

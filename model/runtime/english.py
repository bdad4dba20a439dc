"""What one word says about the language of its text: that it is English, that English knows it, or nothing at all."""

from __future__ import annotations

import re

from .tokens import COMMON, COUNTED, ENGLISH, LEARNT, OTHER_SCRIPT, SHARED


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Frequent words that no other large language writes in the same way.
_ENGLISH = _words(
    "after again against almost already always another any anybody anyone anything around away awesome beautiful "
    "because been before behind being believe better between birthday both brother but buy call called can can't "
    "cannot coming could couldnt days did didnt different does doesnt doing don't done down during each early either "
    "else enough ever every everybody everyone everything excited feel feeling few finally find follow forget found "
    "friend friends from funny gave gets getting girls give giving goes going gone gonna good got gotta great guess "
    "guy guys happen happened hate havent having hear heard hello help here herself high him himself his how hurt "
    "instead into isnt its itself just keep knew know known knows late later learn least leave left listen little "
    "lives living look looking looks lost lots love loved loves loving make makes making many matter maybe might mind "
    "miss missed missing months more morning mother move much must my myself need needs never next night nobody "
    "nothing now often old only other others our ours own people perhaps please pretty probably put quite rather read "
    "ready really remember right said saw say saying says seeing seems seen shall she should shouldnt since sister "
    "sleep somebody someone something sometimes soon sorry started still stuff sure takes taking tell thank thanks "
    "that thats the their theirs them themselves then there theres these they theyre thing things think thinking this "
    "those though thought through tired today together told tomorrow tonight too took tried try trying turn twice "
    "until upon used using usually very wait waiting walk wanna wanted wants wasnt watch watched watching way ways "
    "weeks well went were werent what whats when where whether which while who whole whose why with within without "
    "woman women wonder wont work worked working works worse worth would wouldnt write wrong yeah year years yes "
    "yesterday yet you young your youre yours yourself"
)
# Ends of words that few other languages have.
COMMON_ENDS = ("ingly", "ously", "fully", "lessly", "ness", "ful", "less", "tically", "ably", "ighted", "ought", "'s")
_ENGLISH_ENDS = ("n't", "'m", "'re", "'ve", "'ll", "it's", "that's", "what's", "there's", "he's", "let's")
# English words, and names of things, that stand in texts of other languages as well.
_SHARED = _words(
    "a about account act action ad ada admin af al all alle also am an ani animal app are arm art as at au av az bad "
    "bar base be begin best bin bravo bring bus by care ce champ change chat che cho com come con contact correct cu "
    "da dag dan dat data date de dei del den der des design det di die digital din do dont dos double du dua e ei ein "
    "el email en end er error es est et even ez face facebook false fan fans fast favor felt festival fi fil file "
    "film filter fin final fine for formal fun game gift goal google gut ha had hai hal half happy har has hat have "
    "he hell her het hey hh hit hospital hotel i ich idea if il in information ini instagram internet is ist it ja je "
    "jest kan ke key ki kid kids kind kk kun la las last le les let link live lo local long los lot lub m ma made mag "
    "mai mail mal mama man mas mat me med meg mein men met mi mine mint minutes mir mm model moment most mot music na "
    "name ne ni nice nie no nom non none normal not nova nu ny o of off og oh ok old on once one online op open or os "
    "ou out over page papa par para parade part party pas pay per perfect pero person place plan play pole por post "
    "pour pp pro problem program que question qui radio re real regular rest rot rude sale same san sang se self sem "
    "service set shit show si side sie sin site so social solo some son song sono sport ss star stop story student su "
    "such super sur sus system t ta tag tags tak taxi te team ten test than til till time tin to total trend true tt "
    "tu tv type u uma un una und une uno until up update us use valid value van var ve ver version via video view von "
    "vs want war was wat we web website weekend wer while will wow y ya yang yo you z za zu"
)
# Laughter, sighs and the like: people write them in any language.
NO_WORD = re.compile(
    r"(?:a*(?:ha|he|hi|je|ja|jk|ks|rs|kk|ah|eh){2,}[hajks]?|k{2,}|w{2,}|z{2,}|x+d+|lo+l[osz]*|lu+l[sz]?|lmf?a+o+|rofl|"
    r"omf?g+|wtf|wth|smh|fml|brb|btw|idk|imo|ikr|tbh|ffs|o+h*|u+h*|a+h*|e+h*|ugh+|argh+|ar+gh*|grr+|br+|h+m+|m+|mhm+|"
    r"a+w+w*|e+w+w*|w+o+w+|y+a+y+|ye+y+|wo+ho+|woo+t?|yu+p+|ye+p+|nope|nah+|meh+|o+ps+|o+ok|oo+ps+|ouch|o+k+(?:ay|ey)?|"
    r"ps+t+|sh+|hey+|hi+|yo+|ha+h*|he+h*|heh|duh+|rt|dm|pm|am|via|fyi|asap|p\.?s)"
)
# All that is listed here.
LISTED = _ENGLISH | _SHARED
# Beyond the letters of Latin scripts and their marks.
_LAST_LATIN, _EXTENDED_LATIN = 0x24F, range(0x1E00, 0x1F00)


def evidence(word: str, *, common: bool, learnt: bool) -> int:
    """The bits of a word in lower case.

    `common`: whether it is among the frequent words of English; `learnt`: whether a labelled text has a form of it.
    """
    if not word.isascii() and any(ord(char) > _LAST_LATIN and ord(char) not in _EXTENDED_LATIN for char in word):
        return COUNTED | OTHER_SCRIPT
    if NO_WORD.fullmatch(word):
        return 0
    if word in _ENGLISH or word.endswith(_ENGLISH_ENDS):
        return COUNTED | ENGLISH | COMMON | LEARNT
    if word in _SHARED:
        return COUNTED | SHARED
    if len(word) == 1:
        return COUNTED
    if len(word) > 5 and word.endswith(COMMON_ENDS):
        return COUNTED | COMMON | LEARNT
    return COUNTED | (COMMON | LEARNT) * common | LEARNT * learnt

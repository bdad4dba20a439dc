"""The mock social network: each step makes one event, which refers only to users and posts that exist."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from generator.events.encoder import quote
from generator.events.records import MOODS, Event
from generator.platform.people import PLACES, Population
from generator.platform.recent_posts import Post, RecentPosts
from generator.platform.running_episodes import RunningEpisode, RunningEpisodes
from generator.platform.text import EPISODE_TAG_SHARE, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    Texts = Sequence[tuple[str, str]]

ACTIVITIES = 20_000  # recent activities that can be reacted to
ATTENTION = 2 * 3600.0  # seconds after which an activity gets no further reactions
POSTS = 4_000  # recent posts that can be reacted to
FRESH_SHARE = 0.04  # of the candidates for a reaction are drawn from all recent posts, not from recent activities
POST_SHARE = 0.16
PROFILE_SHARE = 0.02  # of all events are profile changes; each user's first profile is extra
COMMENT_SHARE = 0.40  # of reactions; each is followed by its interaction
SHARE_SHARE = 0.25  # of the reactions that are not comments; the rest are likes
PLAIN_LIKE_SHARE = 0.08  # likes of a person, naming no post
TEXTS_SHARE = 0.5  # of posts are taken from the given texts, if there are any
CORPUS = "corpus"  # the topic of a post that has a given text
GLANCES = 4  # candidates per reaction; the last one is taken whoever wrote it
LASTING = 300.0  # seconds for which a post keeps its full appeal
FADING = 1.24  # after that its appeal falls with this power of its age, as measured on Twitter (see the report)
AGREE = {"positive": 0.80, "neutral": 0.5, "negative": 0.72}
FLIP = {"positive": "negative", "negative": "positive", "neutral": "neutral"}


class Draft(NamedTuple):
    """A post before it has an id. `place` is the topic's number, `topic` its name in the ledger."""

    author: int
    place: int
    topic: str
    mood: str
    text: str
    words: str
    episode: str | None = None


class Platform:
    """A simulated platform.

    Deterministic: the same random generators and the same sequence of times give the same events.
    Memory is bounded by the population and by the buffers of recent posts. `cast` seeds the users and
    `acts` their actions: runs with the same cast and other acts continue the same platform with new ids.
    """

    def __init__(
        self, cast: Random, acts: Random, users: int, running: RunningEpisodes | None = None, texts: Texts = ()
    ) -> None:
        """`texts`: (text, mood) pairs that half of the posts are taken from, instead of composed."""
        self._random = acts.random
        self._bits = acts.getrandbits
        self.population = Population(cast, users)
        self._writer = Writer(acts, self.population.handles)
        self._texts = texts
        self._running = running or RunningEpisodes((), 0.0)
        self._running.prepare(self.population, self._writer)
        self._introduced = bytearray(len(self.population.people))
        self._pending: deque[Event] = deque()
        self._activities = RecentPosts(ACTIVITIES)
        self._posts = RecentPosts(POSTS)
        self._backdated: deque[Post] = deque(maxlen=200)
        self._turned = float("-inf")

    def step(self, at: float, lateness: float = 0.0) -> Event:
        """Return the next event at epoch second `at` (not before earlier calls').

        `lateness` > 0 asks for an event that happened that many seconds before and arrives now;
        a late reaction refers to a post that existed then.
        """
        if self._pending:
            return self._pending.popleft()
        if at - self._turned >= 1 or at < self._turned:
            self.population.turn_to(at)
            self._running.turn_to(at)
            self._activities.forget(at - ATTENTION)
            self._posts.forget(at - ATTENTION)
            self._turned = at
        draw = self._random()
        if draw < PROFILE_SHARE:
            return self._change_profile(at - lateness)
        if lateness:
            return self._late(at, lateness, draw)
        if draw < PROFILE_SHARE + POST_SHARE or not self._posts:
            return self._post(at)
        return self._react(at)

    def new_id(self) -> str:
        """Return a fresh random UUID (version 4 form)."""
        text = f"{self._bits(128):032x}"
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def _actor(self) -> int:
        return self.population.someone()

    def _introduce(self, person: int, event: Event) -> Event:
        """Put a newcomer's profile event before the first event that names them."""
        if self._introduced[person]:
            return event
        self._introduced[person] = 1
        self._pending.append(event)
        user = self.population.people[person].user_id
        return Event("user", self.new_id(), user, event.at, self.population.user_payload(person))

    def _change_profile(self, at: float) -> Event:
        person = self._actor()
        self._introduced[person] = 1
        place = int(self._random() * len(PLACES)) if self._random() < 0.3 else None
        user = self.population.people[person].user_id
        return Event("user", self.new_id(), user, at, self.population.user_payload(person, place))

    def _mood(self, shares: tuple[float, float, float]) -> str:
        draw = self._random()
        if draw < shares[0]:
            return MOODS[0]
        return MOODS[1] if draw < shares[0] + shares[1] else MOODS[2]

    def _post(self, at: float, *, backdated: bool = False) -> Event:
        episode_now = self._running.draw(self._random()) if self._running.on and not backdated else None
        if episode_now is not None:
            return self._episode_post(episode_now, at)
        author = self._actor()
        person = self.population.people[author]
        topics = self.population.topics
        place = person.community if self._random() < 0.75 else int(self._random() * len(topics))
        topic = topics[place]
        if self._texts and self._random() < TEXTS_SHARE:
            text, mood = self._texts[int(self._random() * len(self._texts))]
            return self._publish(Draft(author, place, CORPUS, mood, text, topic.name), at, backdated)
        mood = self._mood(topic.mood)
        text = self._writer.post(topic.name, mood, person.language)
        return self._publish(Draft(author, place, topic.name, mood, text, topic.name), at, backdated)

    def _episode_post(self, episode_now: RunningEpisode, at: float) -> Event:
        """Make a post about an episode, by one of its bots or by a user whom it concerns."""
        episode, words = episode_now.episode, episode_now.words
        mood = self._mood(episode.mood)
        if episode_now.bots:
            author = episode_now.bots[int(self._random() * len(episode_now.bots))]
            text = self._writer.slogan(words, mood)
        else:
            author = self.population.someone_like(episode.place, episode.ages)
            language = self.population.people[author].language
            text = self._writer.post(words, mood, language, EPISODE_TAG_SHARE)
        draft = Draft(author, episode_now.topic, episode.topic, mood, text, words, episode.name)
        return self._publish(draft, at)

    def _publish(self, draft: Draft, at: float, backdated: bool = False) -> Event:
        event_id = self.new_id()
        user = self.population.people[draft.author].user_id
        post = Post(f"p-{event_id[:23]}", draft.author, draft.place, draft.mood, at, draft.episode, draft.words)
        if backdated:
            self._backdated.append(post)
        else:
            self._activities.add(post, at)
            self._posts.add(post, at)
        payload = f'{{"post_id":"{post.post_id}","user_id":"{user}","text":{quote(draft.text)}}}'
        event = Event("post", event_id, user, at, payload, draft.mood, draft.topic, draft.episode)
        return self._introduce(draft.author, event)

    def _glance(self) -> Post:
        """Pick a recent activity's post, or a recent post for its own sake."""
        fresh = self._random() < FRESH_SHARE or not self._activities
        ring = self._posts if fresh else self._activities
        return ring.pick(self._random())

    def _choose(self, actor: int, at: float) -> Post:
        """Pick a post to react to: not too old, and rather of somebody followed or of one's community."""
        person = self.population.people[actor]
        chosen = self._posts.pick(0.0)
        for _ in range(GLANCES):
            post = self._glance()
            age = at - post.at
            if age > LASTING and self._random() > (LASTING / age) ** FADING:
                continue
            chosen = post
            if post.author != actor and (post.author in person.following or post.topic == person.community):
                break
        return chosen

    def _react(self, at: float) -> Event:
        actor = self._actor()
        post = self._choose(actor, at)
        self._activities.add(post, at)
        if self._random() < COMMENT_SHARE:
            return self._comment(actor, post, at)
        return self._interact(actor, post, at)

    def _comment(self, actor: int, post: Post, at: float) -> Event:
        """Comment, and queue the interaction that the platform records with it."""
        agrees = self._random() < AGREE[post.mood]
        mood = post.mood if agrees else FLIP[post.mood]
        if post.mood == "neutral" and not agrees:
            mood = self._mood(self.population.topics[post.topic].mood)
        topic = self.population.topics[post.topic].name
        event_id = self.new_id()
        user = self.population.people[actor].user_id
        text = self._writer.reply(post.words, mood, agrees)
        payload = (
            f'{{"comment_id":"c-{event_id[:23]}","post_id":"{post.post_id}","user_id":"{user}","text":{quote(text)}}}'
        )
        comment = Event("comment", event_id, user, at, payload, mood, topic, post.episode)
        first = self._introduce(actor, comment)
        if actor != post.author:
            self._pending.append(self._interaction(actor, post.author, "comment", post, at))
        return first

    def _interact(self, actor: int, post: Post, at: float) -> Event:
        action = "share" if self._random() < SHARE_SHARE else "like"
        if post.author == actor:
            action = "share"  # people do not like their own posts, but they share them again
        plain = action == "like" and self._random() < PLAIN_LIKE_SHARE
        event = self._interaction(actor, post.author, action, None if plain else post, at)
        return self._introduce(actor, event)

    def _interaction(self, actor: int, other: int, action: str, post: Post | None, at: float) -> Event:
        event_id = self.new_id()
        people = self.population.people
        user = people[actor].user_id
        about = f',"post_id":"{post.post_id}"' if post else ""
        payload = (
            f'{{"interaction_id":"i-{event_id[:23]}","user1_id":"{user}",'
            f'"user2_id":"{people[other].user_id}","action":"{action}"{about}}}'
        )
        topic = self.population.topics[post.topic].name if post else None
        episode = post.episode if post else None
        return Event("interaction", event_id, user, at, payload, None, topic, episode)

    def _late(self, at: float, lateness: float, draw: float) -> Event:
        """Make an event that was written offline: a post, or a reaction to an equally old post."""
        if draw < 0.6 or not self._backdated:
            return self._post(at - lateness, backdated=True)
        post = self._backdated[int(self._random() * len(self._backdated))]
        then = max(post.at, at - lateness)
        if draw < 0.8:
            return self._comment(self._actor(), post, then)
        return self._interact(self._actor(), post, then)

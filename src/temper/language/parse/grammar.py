"""The grammar of a blueprint: each key with its shape and its sentence, in the order in which `format` writes them."""

from __future__ import annotations

from temper.language.parse.shape import Either, Key, Leaf, ListOf, MapOf, Record

NAMES = ListOf(Leaf.NAME, "names")
SOME_NAMES = ListOf(Leaf.NAME, "names", least=1)
NAME_OR_NAMES = Either(SOME_NAMES, Leaf.NAME)
TARGETS = Either(ListOf(Leaf.TARGET, "targets", least=1), Leaf.TARGET)
TYPED = MapOf(Leaf.TYPE, "names and their types")
WITH = Either(NAMES, MapOf(Leaf.EXPRESSION, "names and expressions"))
REASONS = MapOf(Leaf.PROSE, "properties and reasons")

_DOC = Key("doc", Leaf.PROSE, "What it is for, in a sentence or two.")
_WITH = Key("with", WITH, "What is handed over: names and expressions, or a list of names handed over as they are.")
_REFUSED = Key(
    "refused",
    TARGETS,
    "What the sender does if the receiver rejects: a target, with the original arguments, `reason` and `receiver`.",
    required=True,
)

DO = Record(
    "an effect's request",
    (
        Key("effect", Leaf.NAME, "The effect that the world is asked for.", required=True),
        _WITH,
        Key("replaces", Leaf.FLAG, "Whether earlier unsettled requests for this effect are withdrawn."),
        Key(
            "then",
            MapOf(TARGETS, "outcomes and targets"),
            "What each declared outcome, and `unknown`, leads to.",
            required=True,
        ),
    ),
)
SEND = Record(
    "a message",
    (
        Key("to", Leaf.EXPRESSION, "The receiver: a reference, an optional one, or a set of them.", required=True),
        Key("action", Leaf.NAME, "The receiver's action that is called.", required=True),
        _WITH,
        _REFUSED,
    ),
)
SPAWN = Record(
    "a spawn",
    (
        Key("entity", Leaf.NAME, "The entity of which an instance is made.", required=True),
        Key("action", Leaf.NAME, "The constructor that is called.", required=True),
        _WITH,
        Key("as", Leaf.NAME, "The field that holds the reference to the new instance at once."),
        _REFUSED,
    ),
)

_SET = Key(
    "set", MapOf(Leaf.EXPRESSION, "fields and expressions"), "New values of fields, all read from before the change."
)
_TO = Key("to", Leaf.NAME, "The state it goes to; without it, it stays.")
_DELIVERIES = (
    Key("do", ListOf(DO, "effects' requests"), "Effects that the world is asked for."),
    Key("send", ListOf(SEND, "messages"), "Messages to other instances."),
    Key("spawn", ListOf(SPAWN, "spawns"), "New instances."),
    Key("restart", NAMES, "Timers that start anew."),
)
CASE = Record(
    "a case",
    (
        Key("when", Leaf.EXPRESSION, "The guard: the case is taken if it holds and no earlier case's does."),
        _SET,
        _TO,
        *_DELIVERIES,
    ),
)
ACTION = Record(
    "an action",
    (
        _DOC,
        Key("by", NAME_OR_NAMES, "The roles that may call; `policy` leaves it to Cedar, `environment` to the world."),
        Key("params", TYPED, "The parameters and their types."),
        Key(
            "from",
            NAME_OR_NAMES,
            "The states it may be called in; `new` makes a constructor, `any` is all but the final ones.",
            required=True,
        ),
        Key("when", Leaf.EXPRESSION, "The guard: the call is rejected unless it holds."),
        _SET,
        Key("cases", ListOf(CASE, "cases", least=1), "Alternatives: the first whose guard holds is taken."),
        _TO,
        *_DELIVERIES,
    ),
)
TIMER = Record(
    "a timer",
    (
        Key("in", NAME_OR_NAMES, "The states in which it runs.", required=True),
        Key("after", Leaf.EXPRESSION, "How long after coming into these states it fires.", required=True),
        Key("do", TARGETS, "What it does when it fires: the first target that fits.", required=True),
    ),
)
ENTITY = Record(
    "an entity",
    (
        _DOC,
        Key("single", Leaf.FLAG, "Whether there is exactly one instance, there from the start."),
        Key("world", Leaf.FLAG, "Whether it models the outside, for the verifiers and the simulator only."),
        Key("data", TYPED, "The fields: a type, and after `=` an initial value."),
        Key("states", SOME_NAMES, "The states an instance can be in.", required=True),
        Key("final", NAMES, "The states in which an instance is done for ever."),
        Key("waits", NAMES, "The states in which it may rest until somebody calls."),
        Key("actions", MapOf(ACTION, "actions"), "What may be called, from which states, and what it changes."),
        Key("timers", MapOf(TIMER, "timers"), "What happens by itself after a while."),
    ),
)
PERFORMS = Record(
    "what an effect performs",
    (
        Key("call", Leaf.NAME, "The world entity's action, such as `Router.route`.", required=True),
        _WITH,
        Key("surely", NAMES, "Outcomes that come only after it happened."),
        Key("not", NAMES, "Outcomes that come only if it did not happen."),
    ),
)
RETRY = Record(
    "a retry rule",
    (
        Key("attempts", Leaf.EXPRESSION, "How many attempts are made before the outcome is `unknown`."),
        Key("first", Leaf.EXPRESSION, "The pause before the second attempt."),
        Key("factor", Leaf.EXPRESSION, "By how much each pause is longer than the one before."),
        Key("cap", Leaf.EXPRESSION, "The longest pause."),
    ),
)
EFFECT = Record(
    "an effect",
    (
        _DOC,
        Key("params", TYPED, "The parameters and their types."),
        Key(
            "outcomes",
            MapOf(TYPED, "outcomes, each with its fields"),
            "The answers that the world may give, each with its fields.",
            required=True,
        ),
        Key(
            "delivery",
            Leaf.NAME,
            "`at_most_once`, `keyed` or `idempotent`: what a second attempt may do.",
            required=True,
        ),
        Key("fenced", Leaf.FLAG, "Whether the receiver refuses a request older than one it has seen."),
        Key("performs", PERFORMS, "What it does to a world entity."),
        Key("timeout", Leaf.EXPRESSION, "How long one attempt may take."),
        Key("retry", RETRY, "How often and after which pauses it is attempted again."),
    ),
)
PROPERTY = Record(
    "a property",
    (
        _DOC,
        Key("for", Leaf.EXPRESSION, "The instances it speaks of, such as `x in Job, y in Worker`."),
        Key("whenever", Leaf.EXPRESSION, "The condition under which it claims something."),
        Key("on", Leaf.EXPRESSION, "The action to which `step` is restricted, such as `Job.ack`."),
        Key("always", Leaf.EXPRESSION, "What holds in every state."),
        Key("step", Leaf.EXPRESSION, "What holds of `before` and `after` of every applied action."),
        Key("eventually", Leaf.EXPRESSION, "What comes at last, whenever the condition held."),
        Key("possible", Leaf.EXPRESSION, "What some run reaches."),
        Key("assuming", NAMES, "What `eventually` may rely on: `Entity.action` or `effect.outcome`."),
    ),
)
SCOPE = Record(
    "the scope",
    (
        Key(
            "instances",
            MapOf(Leaf.EXPRESSION, "entities and numbers"),
            "How many instances of each entity are searched.",
        ),
        Key("principals", MapOf(NAMES, "principals and their roles"), "Who calls, and with which roles."),
        Key(
            "values",
            MapOf(ListOf(Leaf.EXPRESSION, "values"), "types and their values"),
            "The values that are tried for a type.",
        ),
        Key(
            "unbounded",
            ListOf(Leaf.EXPRESSION, "two bounds", least=2, most=2),
            "The lowest and the highest `int` that is looked at.",
        ),
        Key("in_flight", Leaf.EXPRESSION, "How many deliveries of one instance, site and receiver may be pending."),
        Key("late", Leaf.EXPRESSION, "How many late requests a lane may hold."),
    ),
)
MIGRATE = Record(
    "a migration",
    (
        Key("states", MapOf(Leaf.NAME, "old and new states"), "The new state for each old one that is gone."),
        Key("data", MapOf(Leaf.EXPRESSION, "fields and expressions"), "Each field's value, over the old data."),
    ),
)
BLUEPRINT = Record(
    "a blueprint",
    (
        Key("temper", Leaf.VERSION, "The version of the language: 1.", required=True),
        Key("blueprint", Leaf.NAME, "The blueprint's name.", required=True),
        _DOC,
        Key("properties", MapOf(PROPERTY, "properties"), "What must always be true, come at last, or be possible."),
        Key("roles", NAMES, "The roles that principals may hold."),
        Key(
            "types",
            MapOf(Either(ListOf(Leaf.NAME, "members", least=1), Leaf.TYPE), "names and types"),
            "Names for types: an enum by its members, or a type such as `int[0, 100]`.",
        ),
        Key("constants", MapOf(Leaf.EXPRESSION, "names and values"), "Names for numbers and durations."),
        Key("effects", MapOf(EFFECT, "effects"), "What the world can be asked to do."),
        Key(
            "entities",
            MapOf(ENTITY, "entities", least=1),
            "The things that exist, their states and their moves.",
            required=True,
        ),
        Key("scope", SCOPE, "What the exhaustive search looks at; never what the runtime allows."),
        Key("accept", REASONS, "Properties loaded in spite of an `unknown`, each with a reason."),
        Key("grandfathered", REASONS, "New properties that live instances may already violate, each with a reason."),
        Key("migrate", MapOf(MIGRATE, "entities and their migrations"), "How live instances come into this version."),
    ),
)

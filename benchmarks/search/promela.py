"""The benchmark's models in Promela, written as SPIN likes them: one process, masks, one `d_step` for each step."""

from __future__ import annotations


def twophase(nodes: int) -> str:
    """Phases take two bits a node: 0 working, 1 prepared, 2 committed, 3 aborted. `hub`: 0 collecting, 1, 2 decided."""
    options = []
    for node in range(nodes):
        at, bit, all_bits = 2 * node, 1 << node, (1 << nodes) - 1
        working = f"((phases >> {at}) & 3) == 0"
        kept = f"phases & ~(3 << {at})"
        options += [
            f"hub != 1 && {working} -> phases = phases | (1 << {at}); voted = voted | {bit}",
            f"hub != 1 && {working} -> phases = phases | (3 << {at})",
            f"hub == 0 && (voted & {bit}) -> heard = heard | {bit}",
            f"hub == 1 -> phases = ({kept}) | (2 << {at})",
            f"hub == 2 -> phases = ({kept}) | (3 << {at})",
        ]
    options += [f"hub == 0 && heard == {all_bits} -> hub = 1", "hub == 0 -> hub = 2"]
    return _process("byte hub;\nint phases;\nshort voted;\nshort heard;", options)


def philosophers(seats: int) -> str:
    """Hands take two bits a seat: 0 none, 1 the left fork, 2 both."""
    options = []
    for seat in range(seats):
        at, mine, right = 2 * seat, 1 << seat, 1 << (seat + 1) % seats
        hands = f"((hands >> {at}) & 3)"
        options += [
            f"{hands} == 0 && !(taken & {mine}) -> hands = hands | (1 << {at}); taken = taken | {mine}",
            f"{hands} == 1 && !(taken & {right}) -> hands = hands + (1 << {at}); taken = taken | {right}",
            f"{hands} == 2 -> hands = hands & ~(3 << {at}); taken = taken & ~{mine | right}",
        ]
    return _process("int hands;\nint taken;", options)


def ring(nodes: int) -> str:
    """What a node does takes two bits: 0 idle, 1 wanting, 2 working."""
    options = []
    for node in range(nodes):
        at, onward = 2 * node, (node + 1) % nodes
        doing = f"((doing >> {at}) & 3)"
        options += [
            f"{doing} == 0 -> doing = doing | (1 << {at})",
            f"{doing} == 1 && token == {node} -> doing = doing + (1 << {at})",
            f"{doing} == 2 -> doing = doing & ~(3 << {at}); token = {onward}",
            f"{doing} == 0 && token == {node} -> token = {onward}",
        ]
    return _process("byte token;\nint doing;", options)


def leases(jobs: int) -> str:
    """Stages take two bits a job: 0 queued, 1 leased, 2 done; leases two bits as well. Worker 0 is idle at job 0."""
    options = []
    for job in range(jobs):
        at, mine = 2 * job, job + 1
        stage, lease = f"((stage >> {at}) & 3)", f"((lease >> {at}) & 3)"
        options.append(f"{stage} == 1 -> stage = stage & ~(3 << {at})")
        for worker in (1, 2):
            doing, under = f"doing{worker}", f"under{worker}"
            idle = f"{doing} = 0; {under} = 0"
            is_current = f"{stage} == 1 && {lease} == {under}"
            taken = f"lease = lease + (1 << {at}); {doing} = {mine}; {under} = {lease}"
            options += [
                f"{stage} == 0 && {lease} < 2 && {doing} == 0 -> stage = stage | (1 << {at}); {taken}",
                f"{doing} == {mine} && {is_current} -> stage = stage + (1 << {at}); {idle}",
                f"{doing} == {mine} && !({is_current}) -> {idle}",
            ]
    return _process("int stage;\nint lease;\nbyte doing1;\nbyte doing2;\nbyte under1;\nbyte under2;", options)


def _process(state: str, options: list[str]) -> str:
    steps = "\n".join(f"    :: d_step {{ {option} }}" for option in options)
    return f"{state}\n\nactive proctype model() {{\nend:\n    do\n{steps}\n    od\n}}\n"

"""The loop of several workers as LLVM's text: the states come out in the very order in which one worker finds them.

They go through the queue in steps. In each, every worker takes a slice of the states that are next, and

1. expands it, and deals its successors out by their hash: each worker owns a part of the table;
2. looks up, in the order in which they would come, the successors that it owns, and notes which are new;
3. appends those of its own slice that somebody noted: where they go is known from the numbers of those before.

Between these they wait for each other. Nobody else writes where a worker writes, so there is nothing to claim, nothing
that depends on who was faster, and the same search for every number of workers.
"""

from __future__ import annotations

from temper.verify.native.slices import APPEND, CLAIM, DEAL, EXPAND_SLICE

DESK_FIELDS = (
    "out",
    "shorts",
    "ends",
    "lists",
    "counts",
    "news",
    "new_counts",
    "bits",
    "total",
    "crowded",
    "used",
)
"""What lies on a worker's desk: `lists` for each owner, what is `news` for each slice, and numbers."""
DESK_NUMBERS = frozenset({"total", "crowded", "used"})

MEET = """
define internal void @meet(ptr %gate, ptr %pause, i64 %all) noinline {
entry:
  %before = atomicrmw add ptr %gate, i64 1 acq_rel, align 8
  br label %wait
wait:
  %i = phi i64 [0, %entry], [%i.n, %on]
  %there = load atomic i64, ptr %gate acquire, align 8
  %go = icmp uge i64 %there, %all
  br i1 %go, label %done, label %more
more:
  %i.n = add i64 %i, 1
  %low = and i64 %i.n, 1023
  %long = icmp eq i64 %low, 0
  br i1 %long, label %rest, label %on
rest:
  %ignored = call i32 %pause()
  br label %on
on:
  br label %wait
done:
  ret void
}
"""
"""Waits until so many arrivals were counted at the gate; the processor is given away now and then."""

WORK = """
define i64 @work(ptr %shared, i64 %me) {
entry:
$load_table
$load_slots
$load_stride
$load_head
$load_tail
$load_room
$load_head_max
$load_tail_max
$load_owns
$load_desks
$load_gate
$load_pause
$load_load_max
$load_stage
  %own.p = getelementptr ptr, ptr %owns, i64 %me
  %own = load ptr, ptr %own.p
  %desk.p = getelementptr ptr, ptr %desks, i64 %me
  %desk = load ptr, ptr %desk.p
$desk_shorts
$desk_lists
$desk_counts
$desk_news
$desk_new_counts
$desk_used
  %part.o = mul i64 %me, %stride
  %part = getelementptr i64, ptr %table, i64 %part.o
  %total.p = getelementptr i64, ptr %desk, i64 $at_total
  %resumed = icmp eq i64 %stage, 1
  br label %block
block:
  %head.b = phi i64 [%head, %entry], [%head.n, %again]
  %tail.b = phi i64 [%tail, %entry], [%tail.n, %again]
  %used.b = phi i64 [%used, %entry], [%used.n, %again]
  %met.b = phi i64 [0, %entry], [%met.n, %again]
  %known.b = phi i1 [%resumed, %entry], [false, %again]
  %far = call i64 @llvm.umin.i64(i64 %tail.b, i64 %head_max)
  %left = sub i64 %far, %head.b
  %none = icmp uge i64 %head.b, %tail.b
  br i1 %none, label %leave, label %limits
limits:
  %late.h = icmp uge i64 %head.b, %head_max
  %not.known = xor i1 %known.b, true
  %late = and i1 %late.h, %not.known
  br i1 %late, label %leave, label %many
many:
  %spent.t = icmp ugt i64 %tail.b, %tail_max
  %spent = and i1 %spent.t, %not.known
  br i1 %spent, label %leave, label %share
share:
  %left.r = add i64 %left, $less
  %each = udiv i64 %left.r, $jobs
  %is.long = icmp ugt i64 %each, $slice
  %length = select i1 %is.long, i64 $slice, i64 %each
  %from.o = mul i64 %length, %me
  %from.w = add i64 %head.b, %from.o
  %from.past = icmp ugt i64 %from.w, %far
  %from = select i1 %from.past, i64 %far, i64 %from.w
  %to.w = add i64 %from, %length
  %to.past = icmp ugt i64 %to.w, %far
  %to = select i1 %to.past, i64 %far, i64 %to.w
  %all = mul i64 %length, $jobs
  %head.w = add i64 %head.b, %all
  %head.past = icmp ugt i64 %head.w, %far
  %head.n = select i1 %head.past, i64 %far, i64 %head.w
  br i1 %known.b, label %shorten, label %expand
expand:
  call void @expand_slice(ptr %shared, ptr %desk, ptr %own, i64 %from, i64 %to)
  br label %shorten
shorten:
  $shorten_slice
  %total = load i64, ptr %total.p
  call void @deal(ptr %shorts, i64 %total, ptr %lists, ptr %counts)
  %met.1 = add i64 %met.b, $jobs
  call void @meet(ptr %gate, ptr %pause, i64 %met.1)
  %why.r = call i64 @roomy(ptr %desks, i64 %tail.b, i64 %room, i64 %load_max)
  %stops = icmp ne i64 %why.r, 0
  br i1 %stops, label %leave, label %claims
leave:
  %why = phi i64 [0, %block], [1, %limits], [2, %many], [%why.r, %shorten]
  %stage.n = phi i64 [0, %block], [0, %limits], [0, %many], [1, %shorten]
  %first = icmp eq i64 %me, 0
  br i1 %first, label %tell, label %gone
tell:
  store i64 %head.b, ptr %head.p
  store i64 %tail.b, ptr %tail.p
  store i64 %stage.n, ptr %stage.p
  br label %gone
gone:
  ret i64 %why
claims:
  br label %claim
claim:
  %s = phi i64 [0, %claims], [%s.n, %claim]
  %used.s = phi i64 [%used.b, %claims], [%used.n, %claim]
  %s.p = getelementptr ptr, ptr %desks, i64 %s
  %s.desk = load ptr, ptr %s.p
  %s.lists.p = getelementptr ptr, ptr %s.desk, i64 $at_lists
  %s.lists = load ptr, ptr %s.lists.p
  %s.list.o = mul i64 %me, $twice_entries
  %s.list = getelementptr i64, ptr %s.lists, i64 %s.list.o
  %s.counts.p = getelementptr ptr, ptr %s.desk, i64 $at_counts
  %s.counts = load ptr, ptr %s.counts.p
  %s.count.p = getelementptr i64, ptr %s.counts, i64 %me
  %s.count = load i64, ptr %s.count.p
  %s.news.o = mul i64 %s, $entries
  %s.news = getelementptr i64, ptr %news, i64 %s.news.o
  %found = call i64 @claim(ptr %s.list, i64 %s.count, ptr %s.news, ptr %part, i64 %slots)
  %s.found.p = getelementptr i64, ptr %new_counts, i64 %s
  store i64 %found, ptr %s.found.p
  %used.n = add i64 %used.s, %found
  %s.n = add i64 %s, 1
  %claimed.all = icmp eq i64 %s.n, $jobs
  br i1 %claimed.all, label %claimed, label %claim
claimed:
  %met.2 = add i64 %met.1, $jobs
  call void @meet(ptr %gate, ptr %pause, i64 %met.2)
  store i64 %used.n, ptr %used.p
  %own.tail = call i64 @found_before(ptr %desks, i64 %tail.b, i64 %me)
  %tail.n = call i64 @found_before(ptr %desks, i64 %tail.b, i64 $jobs)
  call void @append(ptr %shared, ptr %desk, ptr %own, i64 %me, i64 %own.tail, i64 %from)
  %reach.l = add i64 %head.n, $reach
  %fresh = icmp ugt i64 %reach.l, %tail.b
  br i1 %fresh, label %settle, label %settled
settle:
  %met.3 = add i64 %met.2, $jobs
  call void @meet(ptr %gate, ptr %pause, i64 %met.3)
  br label %again
settled:
  br label %again
again:
  %met.n = phi i64 [%met.2, %settled], [%met.3, %settle]
  br label %block
}

define internal i64 @found_before(ptr %desks, i64 %tail, i64 %slices) noinline {
entry:
  br label %slice
slice:
  %s = phi i64 [0, %entry], [%s.n, %next]
  %at.s = phi i64 [%tail, %entry], [%at.n, %next]
  %over = icmp uge i64 %s, %slices
  br i1 %over, label %end, label %owner
owner:
  %o = phi i64 [0, %slice], [%o.n, %owner]
  %at = phi i64 [%at.s, %slice], [%at.n, %owner]
  %p = getelementptr ptr, ptr %desks, i64 %o
  %desk = load ptr, ptr %p
  %counts.p = getelementptr ptr, ptr %desk, i64 $at_new_counts
  %counts = load ptr, ptr %counts.p
  %count.p = getelementptr i64, ptr %counts, i64 %s
  %count = load i64, ptr %count.p
  %at.n = add i64 %at, %count
  %o.n = add i64 %o, 1
  %o.end = icmp eq i64 %o.n, $jobs
  br i1 %o.end, label %next, label %owner
next:
  %s.n = add i64 %s, 1
  br label %slice
end:
  ret i64 %at.s
}

define internal i64 @roomy(ptr %desks, i64 %tail, i64 %room, i64 %load_max) noinline {
entry:
  br label %owner
owner:
  %o = phi i64 [0, %entry], [%o.n, %owned]
  %all = phi i64 [%tail, %entry], [%all.n, %owned]
  %full = phi i1 [false, %entry], [%full.n, %owned]
  %crowded = phi i64 [0, %entry], [%crowded.n, %owned]
  %o.p = getelementptr ptr, ptr %desks, i64 %o
  %o.desk = load ptr, ptr %o.p
  %used.p = getelementptr i64, ptr %o.desk, i64 $at_used
  %used = load i64, ptr %used.p
  %total.p = getelementptr i64, ptr %o.desk, i64 $at_total
  %total = load i64, ptr %total.p
  %all.n = add i64 %all, %total
  %crowded.p = getelementptr i64, ptr %o.desk, i64 $at_crowded
  %c = load i64, ptr %crowded.p
  %crowded.n = or i64 %crowded, %c
  br label %slice
slice:
  %s = phi i64 [0, %owner], [%s.n, %slice]
  %sum = phi i64 [%used, %owner], [%sum.n, %slice]
  %s.p = getelementptr ptr, ptr %desks, i64 %s
  %s.desk = load ptr, ptr %s.p
  %counts.p = getelementptr ptr, ptr %s.desk, i64 $at_counts
  %counts = load ptr, ptr %counts.p
  %count.p = getelementptr i64, ptr %counts, i64 %o
  %count = load i64, ptr %count.p
  %sum.n = add i64 %sum, %count
  %s.n = add i64 %s, 1
  %s.end = icmp eq i64 %s.n, $jobs
  br i1 %s.end, label %owned, label %slice
owned:
  %over = icmp ugt i64 %sum.n, %load_max
  %full.n = or i1 %full, %over
  %o.n = add i64 %o, 1
  %o.end = icmp eq i64 %o.n, $jobs
  br i1 %o.end, label %decide, label %owner
decide:
  %beyond = icmp ugt i64 %all.n, %room
  %stop = or i1 %beyond, %full.n
  %why.r = select i1 %stop, i64 3, i64 0
  %is.crowded = icmp ne i64 %crowded.n, 0
  %why = select i1 %is.crowded, i64 4, i64 %why.r
  ret i64 %why
}
"""
"""What each worker does, until they all stop at once: for the reasons of `search`, which all see alike.

A worker whose successors have no room stays where it is (`stage` 1): they are expanded, and looked up next time.
"""

TOGETHER = (MEET, DEAL, CLAIM, APPEND, EXPAND_SLICE, WORK)

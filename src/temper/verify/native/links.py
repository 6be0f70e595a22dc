"""The graph of a search as LLVM's text: numbers of states, the steps between them, and where a promise is open.

A `$` stands before what depends on the model. Numbers of states have 32 bits; a step is its target and its kind.
"""

from __future__ import annotations

NUMBER_ALL = """
define void @number_all(ptr %shared) {
entry:
$load_queue
$load_tail
$load_index
$load_slots
  br label %state
state:
  %i = phi i64 [0, %entry], [%n, %put]
  %o = mul i64 %i, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %h = call i64 @hash(ptr %s, i64 %slots)
  br label %look
look:
  %at = phi i64 [%h, %state], [%wrapped, %other]
  %p = getelementptr i32, ptr %index, i64 %at
  %v = load i32, ptr %p
  %free = icmp eq i32 %v, 0
  br i1 %free, label %put, label %other
other:
  %f = add i64 %at, 1
  %over = icmp eq i64 %f, %slots
  %wrapped = select i1 %over, i64 0, i64 %f
  br label %look
put:
  %n = add i64 %i, 1
  %short = trunc i64 %n to i32
  store i32 %short, ptr %p
  %end = icmp eq i64 %n, %tail
  br i1 %end, label %done, label %state
done:
  ret void
}
"""
"""Notes the number of every state, plus 1, where its hash leads."""

LOOKUP = """
define internal i64 @lookup(ptr %queue, ptr %index, i64 %slots, ptr %goal) {
entry:
  %h = call i64 @hash(ptr %goal, i64 %slots)
  br label %look
look:
  %at = phi i64 [%h, %entry], [%wrapped, %other]
  %p = getelementptr i32, ptr %index, i64 %at
  %v = load i32, ptr %p
  %free = icmp eq i32 %v, 0
  br i1 %free, label %missing, label %compare
compare:
  %wide = zext i32 %v to i64
  %i = sub i64 %wide, 1
  %o = mul i64 %i, $size
  %each = getelementptr i8, ptr %queue, i64 %o
$compare
  br i1 %all$last, label %found, label %other
other:
  %f = add i64 %at, 1
  %over = icmp eq i64 %f, %slots
  %wrapped = select i1 %over, i64 0, i64 %f
  br label %look
found:
  ret i64 %i
missing:
  ret i64 -1
}

define i64 @number(ptr %shared) {
entry:
$load_queue
$load_index
$load_slots
$load_goal
  %found = call i64 @lookup(ptr %queue, ptr %index, i64 %slots, ptr %goal)
  ret i64 %found
}
"""
"""The number of a state; -1 if it was not seen."""

LINK = """
define i64 @link(ptr %shared) {
entry:
$load_queue
$load_index
$load_slots
$load_out
$load_offsets
$load_targets
$load_sorts
$load_cut
$load_at
$load_until
$load_steps
$load_steps_max
  br label %state
state:
  %i = phi i64 [%at, %entry], [%i.n, %stated]
  %e = phi i64 [%steps, %entry], [%e.s, %stated]
  %late = icmp uge i64 %i, %until
  br i1 %late, label %leave, label %room
room:
  %needed = add i64 %e, $sites
  %full = icmp ugt i64 %needed, %steps_max
  br i1 %full, label %leave, label %expand
leave:
  %why = phi i64 [0, %state], [1, %room]
  store i64 %i, ptr %at.p
  store i64 %e, ptr %steps.p
  ret i64 %why
expand:
  store i8 0, ptr @was_cut
  %o = mul i64 %i, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %end = call ptr @expand(ptr %s, i64 %i, ptr %out)
  br label %each
each:
  %r = phi ptr [%out, %expand], [%r.n, %linked]
  %e.s = phi i64 [%e, %expand], [%e.n, %linked]
  %past = icmp uge ptr %r, %end
  br i1 %past, label %stated, label %link
link:
  %t = call i64 @lookup(ptr %queue, ptr %index, i64 %slots, ptr %r)
  %lost = icmp slt i64 %t, 0
  br i1 %lost, label %missing, label %linked
linked:
  %t.s = trunc i64 %t to i32
  %t.p = getelementptr i32, ptr %targets, i64 %e.s
  store i32 %t.s, ptr %t.p
  %k.p = getelementptr i64, ptr %r, i64 $words
  %k = load i64, ptr %k.p
  %k.s = trunc i64 %k to i32
  %k.q = getelementptr i32, ptr %sorts, i64 %e.s
  store i32 %k.s, ptr %k.q
  %e.n = add i64 %e.s, 1
  %r.n = getelementptr i8, ptr %r, i64 $record
  br label %each
stated:
  %c = load i8, ptr @was_cut
  %c.p = getelementptr i8, ptr %cut, i64 %i
  store i8 %c, ptr %c.p
  %i.n = add i64 %i, 1
  %o.p = getelementptr i64, ptr %offsets, i64 %i.n
  store i64 %e.s, ptr %o.p
  br label %state
missing:
  ret i64 -1
}
"""
"""Links states from `at` on: until `until` (0), until there may be no room (1); -1 for a step into the unknown."""

MARK_ALL = """
define void @mark_all(ptr %shared) {
entry:
$load_queue
$load_tail
$load_flags
$load_binding
  br label %state
state:
  %i = phi i64 [0, %entry], [%n, %state]
  %o = mul i64 %i, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %f = call i64 @mark(ptr %s, i64 %binding)
  %f.s = trunc i64 %f to i8
  %f.p = getelementptr i8, ptr %flags, i64 %i
  store i8 %f.s, ptr %f.p
  %n = add i64 %i, 1
  %end = icmp eq i64 %n, %tail
  br i1 %end, label %done, label %state
done:
  ret void
}
"""
"""What holds in every state for one binding."""

REGION = """
define i64 @region(ptr %shared) {
entry:
$load_tail
$load_head
$load_flags
$load_offsets
$load_targets
$load_path
$load_cut
$load_group
$load_roots
$load_count
  br label %seed
seed:
  %i = phi i64 [0, %entry], [%i.n, %seeded]
  %top = phi i64 [0, %entry], [%top.n, %seeded]
  %f.p = getelementptr i8, ptr %flags, i64 %i
  %f = load i8, ptr %f.p
  %is = icmp eq i8 %f, 1
  br i1 %is, label %begin, label %seeded
begin:
  store i8 5, ptr %f.p
  %i.s = trunc i64 %i to i32
  %b.p = getelementptr i32, ptr %path, i64 %top
  store i32 %i.s, ptr %b.p
  %top.m = add i64 %top, 1
  br label %seeded
seeded:
  %top.n = phi i64 [%top, %seed], [%top.m, %begin]
  %i.n = add i64 %i, 1
  %i.end = icmp eq i64 %i.n, %tail
  br i1 %i.end, label %walk, label %seed
walk:
  %w = phi i64 [%top.n, %seeded], [%w.1, %pop], [%w.1, %node], [%w.n, %edged]
  %none = icmp eq i64 %w, 0
  br i1 %none, label %sort, label %pop
pop:
  %w.1 = sub i64 %w, 1
  %n.p = getelementptr i32, ptr %path, i64 %w.1
  %n.s = load i32, ptr %n.p
  %n = zext i32 %n.s to i64
  %beyond = icmp uge i64 %n, %head
  br i1 %beyond, label %walk, label %node
node:
  %e0.p = getelementptr i64, ptr %offsets, i64 %n
  %e0 = load i64, ptr %e0.p
  %e1.p = getelementptr i64, ptr %e0.p, i64 1
  %e1 = load i64, ptr %e1.p
  %some = icmp ult i64 %e0, %e1
  br i1 %some, label %edge, label %walk
edge:
  %e = phi i64 [%e0, %node], [%e.n, %edged]
  %w.e = phi i64 [%w.1, %node], [%w.n, %edged]
  %t.p = getelementptr i32, ptr %targets, i64 %e
  %t.s = load i32, ptr %t.p
  %t = zext i32 %t.s to i64
  %tf.p = getelementptr i8, ptr %flags, i64 %t
  %tf = load i8, ptr %tf.p
  %shut = and i8 %tf, 6
  %fresh = icmp eq i8 %shut, 0
  br i1 %fresh, label %add, label %edged
add:
  %tf.n = or i8 %tf, 4
  store i8 %tf.n, ptr %tf.p
  %a.p = getelementptr i32, ptr %path, i64 %w.e
  store i32 %t.s, ptr %a.p
  %w.a = add i64 %w.e, 1
  br label %edged
edged:
  %w.n = phi i64 [%w.e, %edge], [%w.a, %add]
  %e.n = add i64 %e, 1
  %e.end = icmp eq i64 %e.n, %e1
  br i1 %e.end, label %walk, label %edge
sort:
  %j = phi i64 [0, %walk], [%j.n, %sorted]
  %r = phi i64 [0, %walk], [%r.n, %sorted]
  %crowd = phi i64 [0, %walk], [%crowd.n, %sorted]
  %j.f.p = getelementptr i8, ptr %flags, i64 %j
  %j.f = load i8, ptr %j.f.p
  %j.in = and i8 %j.f, 4
  %j.is = icmp ne i8 %j.in, 0
  %j.known = icmp ult i64 %j, %head
  %j.node = and i1 %j.is, %j.known
  %g.p = getelementptr i32, ptr %group, i64 %j
  store i32 0, ptr %g.p
  br i1 %j.node, label %inside, label %sorted
inside:
  %c.p = getelementptr i8, ptr %cut, i64 %j
  %c = load i8, ptr %c.p
  %clean = icmp eq i8 %c, 0
  br i1 %clean, label %root, label %crowded
root:
  store i32 1, ptr %g.p
  %r.p = getelementptr i32, ptr %roots, i64 %r
  %j.s = trunc i64 %j to i32
  store i32 %j.s, ptr %r.p
  %r.1 = add i64 %r, 1
  br label %sorted
crowded:
  %crowd.1 = add i64 %crowd, 1
  br label %sorted
sorted:
  %r.n = phi i64 [%r, %sort], [%r.1, %root], [%r, %crowded]
  %crowd.n = phi i64 [%crowd, %sort], [%crowd, %root], [%crowd.1, %crowded]
  %j.n = add i64 %j, 1
  %j.end = icmp eq i64 %j.n, %tail
  br i1 %j.end, label %done, label %sort
done:
  store i64 %r.n, ptr %count.p
  ret i64 %crowd.n
}
"""
"""Every state in which the promise is open (4 among its flags); those without a cut are roots in group 1.

Gives how many of them were cut.
"""

CUT_AGAIN = """
define void @cut_again(ptr %shared) {
entry:
$load_queue
$load_head
$load_out
$load_flags
$load_cut
  br label %state
state:
  %i = phi i64 [0, %entry], [%n, %next]
  %end = icmp uge i64 %i, %head
  br i1 %end, label %done, label %look
look:
  %f.p = getelementptr i8, ptr %flags, i64 %i
  %f = load i8, ptr %f.p
  %in = and i8 %f, 4
  %is = icmp ne i8 %in, 0
  %c.p = getelementptr i8, ptr %cut, i64 %i
  %c = load i8, ptr %c.p
  %was = icmp ne i8 %c, 0
  %both = and i1 %is, %was
  br i1 %both, label %expand, label %next
expand:
  %o = mul i64 %i, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %to = call ptr @expand(ptr %s, i64 %i, ptr %out)
  br label %next
next:
  %n = add i64 %i, 1
  br label %state
done:
  ret void
}
"""
"""Counts the cuts again of the states in which the promise is open."""

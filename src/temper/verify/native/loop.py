"""The loop of the search as LLVM's text, with a `$` before what depends on the model."""

from __future__ import annotations

SEARCH = """
define i64 @search(ptr %shared) {
entry:
$load_queue
$load_table
$load_slots
$load_head
$load_tail
$load_tail_max
$load_head_max
$load_out
$load_marks
$load_hashes
  br label %block
block:
  %head.b = phi i64 [%head, %entry], [%head.n, %looked]
  %tail.b = phi i64 [%tail, %entry], [%tail.n, %looked]
  %none = icmp uge i64 %head.b, %tail.b
  br i1 %none, label %leave, label %limits
limits:
  %late = icmp uge i64 %head.b, %head_max
  br i1 %late, label %leave, label %room
room:
  %needed = add i64 %tail.b, $room
  %full = icmp ugt i64 %needed, %tail_max
  br i1 %full, label %leave, label %expand
leave:
  %why = phi i64 [0, %block], [1, %limits], [2, %room]
  store i64 %head.b, ptr %head.p
  store i64 %tail.b, ptr %tail.p
  ret i64 %why
expand:
  %head.e = phi i64 [%head.b, %room], [%head.n, %next]
  %out.e = phi ptr [%out, %room], [%out.n, %next]
  %offset = mul i64 %head.e, $size
  %state = getelementptr i8, ptr %queue, i64 %offset
  %out.n = call ptr @expand(ptr %state, i64 %head.e, ptr %out.e)
  %head.n = add i64 %head.e, 1
  %begin = ptrtoint ptr %out to i64
  %end = ptrtoint ptr %out.n to i64
  %bytes = sub i64 %end, %begin
  %enough = icmp uge i64 %bytes, $enough
  %far = call i64 @llvm.umin.i64(i64 %tail.b, i64 %head_max)
  %last = icmp uge i64 %head.n, %far
  %stop = or i1 %enough, %last
  br i1 %stop, label %gathered, label %next
next:
  br label %expand
gathered:
  %count = udiv exact i64 %bytes, $size
  %nothing = icmp eq i64 %count, 0
  br i1 %nothing, label %looked0, label %hashing
hashing:
  %i = phi i64 [0, %gathered], [%i.n, %hashing]
  %i.o = mul i64 %i, $size
  %i.s = getelementptr i8, ptr %out, i64 %i.o
  %i.h = call i64 @hash(ptr %i.s, i64 %slots)
  %i.k = getelementptr i64, ptr %hashes, i64 %i
  store i64 %i.h, ptr %i.k
  %i.t = mul i64 %i.h, $size
  %i.a = getelementptr i8, ptr %table, i64 %i.t
  call void @llvm.prefetch.p0(ptr %i.a, i32 1, i32 1, i32 1)
  %i.n = add i64 %i, 1
  %i.end = icmp eq i64 %i.n, %count
  br i1 %i.end, label %probing, label %hashing
probing:
  %j = phi i64 [0, %hashing], [%j.n, %probed]
  %tail.j = phi i64 [%tail.b, %hashing], [%tail.m, %probed]
  %j.o = mul i64 %j, $size
  %from = getelementptr i8, ptr %out, i64 %j.o
  %j.k = getelementptr i64, ptr %hashes, i64 %j
  %j.h = load i64, ptr %j.k
  %new = call i1 @probe(ptr %from, ptr %table, i64 %slots, i64 %j.h)
  br i1 %new, label %fresh, label %probed
fresh:
  %to.o = mul i64 %tail.j, $size
  %to = getelementptr i8, ptr %queue, i64 %to.o
$copy
  %low = and i64 %tail.j, $mark_mask
  %marked = icmp eq i64 %low, 0
  br i1 %marked, label %mark, label %appended
mark:
  %number = lshr i64 %tail.j, $mark_bits
  %mark.p = getelementptr i64, ptr %marks, i64 %number
  store i64 %head.b, ptr %mark.p
  br label %appended
appended:
  %tail.k = add i64 %tail.j, 1
  br label %probed
probed:
  %tail.m = phi i64 [%tail.j, %probing], [%tail.k, %appended]
  %j.n = add i64 %j, 1
  %j.end = icmp eq i64 %j.n, %count
  br i1 %j.end, label %looking0, label %probing
looking0:
  %some = icmp ugt i64 %tail.m, %tail.b
  br i1 %some, label %looking, label %looked1
looking:
  %l = phi i64 [%tail.b, %looking0], [%l.n, %looking]
  %l.o = mul i64 %l, $size
  %l.s = getelementptr i8, ptr %queue, i64 %l.o
  call void @look(ptr %l.s, i64 %l)
  %l.n = add i64 %l, 1
  %l.end = icmp eq i64 %l.n, %tail.m
  br i1 %l.end, label %looked1, label %looking
looked0:
  br label %looked
looked1:
  br label %looked
looked:
  %tail.n = phi i64 [%tail.b, %looked0], [%tail.m, %looked1]
  br label %block
}
"""
"""Searches until the queue is empty (0), enough is expanded (1), or the room may not do for another block (2)."""

ADD = """
define i64 @add(ptr %shared) {
entry:
$load_queue
$load_table
$load_slots
$load_head
$load_tail
$load_goal
$load_marks
  %h = call i64 @hash(ptr %goal, i64 %slots)
  %new = call i1 @probe(ptr %goal, ptr %table, i64 %slots, i64 %h)
  br i1 %new, label %fresh, label %known
fresh:
  %to.o = mul i64 %tail, $size
  %to = getelementptr i8, ptr %queue, i64 %to.o
  %from = getelementptr i8, ptr %goal, i64 0
$copy
  %low = and i64 %tail, $mark_mask
  %marked = icmp eq i64 %low, 0
  br i1 %marked, label %mark, label %look
mark:
  %number = lshr i64 %tail, $mark_bits
  %mark.p = getelementptr i64, ptr %marks, i64 %number
  store i64 %head, ptr %mark.p
  br label %look
look:
  call void @look(ptr %to, i64 %tail)
  %more = add i64 %tail, 1
  store i64 %more, ptr %tail.p
  ret i64 1
known:
  ret i64 0
}
"""
"""Puts a state in which runs begin behind the others, looked at, unless it is known: then 0."""

FILL = """
define void @fill(ptr %shared) {
entry:
$load_queue
$load_table
$load_slots
$load_tail
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%n, %loop]
  %o = mul i64 %i, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %h = call i64 @hash(ptr %s, i64 %slots)
  %new = call i1 @probe(ptr %s, ptr %table, i64 %slots, i64 %h)
  %n = add i64 %i, 1
  %end = icmp eq i64 %n, %tail
  br i1 %end, label %done, label %loop
done:
  ret void
}
"""
"""Puts the whole queue into an empty table."""

FIND = """
define i64 @find(ptr %shared) {
entry:
$load_queue
$load_find_from
$load_tail
$load_out
$load_goal
  br label %state
state:
  %i = phi i64 [%find_from, %entry], [%i.n, %exhausted]
  %over = icmp uge i64 %i, %tail
  br i1 %over, label %missing, label %expand
expand:
  %o = mul i64 %i, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %end = call ptr @expand(ptr %s, i64 %i, ptr %out)
  br label %next
next:
  %each = phi ptr [%out, %expand], [%each.n, %differs]
  %past = icmp uge ptr %each, %end
  br i1 %past, label %exhausted, label %compare
compare:
$compare
  br i1 %all$last, label %found, label %differs
differs:
  %each.n = getelementptr i8, ptr %each, i64 $size
  br label %next
exhausted:
  %i.n = add i64 %i, 1
  br label %state
found:
  ret i64 %i
missing:
  ret i64 -1
}
"""
"""The number of the first state, from `find_from` on, that leads to the goal."""

FOLLOW = """
define i64 @follow(ptr %shared) {
entry:
$load_queue
$load_find_from
$load_out
  %o = mul i64 %find_from, $size
  %s = getelementptr i8, ptr %queue, i64 %o
  %end = call ptr @expand(ptr %s, i64 %find_from, ptr %out)
  %from = ptrtoint ptr %out to i64
  %to = ptrtoint ptr %end to i64
  %bytes = sub i64 %to, %from
  %count = udiv exact i64 %bytes, $size
  ret i64 %count
}
"""
"""Expands the state `find_from` alone, and gives how many other states it leads to."""

"""The loop of one worker as LLVM's text, with a `$` before what depends on the model."""

from __future__ import annotations

SEARCH = """
define i64 @search(ptr %shared) {
entry:
$load_queue
$load_table
$load_slots
$load_head
$load_tail
$load_room
$load_head_max
$load_tail_max
$load_out
$load_shorts
$load_hashes
$load_fresh
$load_marks
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  br label %block
block:
  %head.b = phi i64 [%head, %entry], [%head.n, %looked]
  %tail.b = phi i64 [%tail, %entry], [%tail.n, %looked]
  %none = icmp uge i64 %head.b, %tail.b
  br i1 %none, label %leave, label %limits
limits:
  %late = icmp uge i64 %head.b, %head_max
  br i1 %late, label %leave, label %many
many:
  %spent = icmp ugt i64 %tail.b, %tail_max
  br i1 %spent, label %leave, label %place
place:
  %needed = add i64 %tail.b, $block
  %full = icmp ugt i64 %needed, %room
  br i1 %full, label %leave, label %halves
halves:
  %crowded = $crowded
  br i1 %crowded, label %leave, label %expand
leave:
  %why = phi i64 [0, %block], [1, %limits], [2, %many], [3, %place], [4, %halves]
  store i64 %head.b, ptr %head.p
  store i64 %tail.b, ptr %tail.p
  ret i64 %why
expand:
  %head.e = phi i64 [%head.b, %halves], [%head.n, %next]
  %out.e = phi ptr [%out, %halves], [%out.n, %next]
  %shorts.e = phi ptr [%shorts, %halves], [%shorts.n, %next]
  %out.n = call ptr @successors(ptr %queue, i64 %head.e, ptr %out.e, ptr %own, ptr %nodes)
  call void @shortened(ptr %out.e, ptr %out.n, ptr %shorts.e, ptr %own, ptr %nodes)
  %head.n = add i64 %head.e, 1
  %begin = ptrtoint ptr %out to i64
  %end = ptrtoint ptr %out.n to i64
  %bytes = sub i64 %end, %begin
  %count = udiv exact i64 %bytes, $size
  %shorts.n = getelementptr i64, ptr %shorts, i64 %count
  %enough = icmp uge i64 %bytes, $enough
  %far = call i64 @llvm.umin.i64(i64 %tail.b, i64 %head_max)
  %last = icmp uge i64 %head.n, %far
  %stop = or i1 %enough, %last
  br i1 %stop, label %gathered, label %next
next:
  br label %expand
gathered:
  %nothing = icmp eq i64 %count, 0
  br i1 %nothing, label %looked0, label %hashing
hashing:
  %i = phi i64 [0, %gathered], [%i.n, %hashing]
  %i.p = getelementptr i64, ptr %shorts, i64 %i
  %i.s = load i64, ptr %i.p
  %i.h = call i64 @hash(i64 %i.s)
  %i.t = call i64 @spread(i64 %i.h, i64 %slots)
  %i.k = getelementptr i64, ptr %hashes, i64 %i
  store i64 %i.t, ptr %i.k
  %i.a = getelementptr i64, ptr %table, i64 %i.t
  call void @llvm.prefetch.p0(ptr %i.a, i32 1, i32 1, i32 1)
  %i.n = add i64 %i, 1
  %i.end = icmp eq i64 %i.n, %count
  br i1 %i.end, label %probing, label %hashing
probing:
  %j = phi i64 [0, %hashing], [%j.n, %probed]
  %tail.j = phi i64 [%tail.b, %hashing], [%tail.m, %probed]
  %j.p = getelementptr i64, ptr %shorts, i64 %j
  %j.s = load i64, ptr %j.p
  %j.k = getelementptr i64, ptr %hashes, i64 %j
  %j.t = load i64, ptr %j.k
  %new = call i1 @probe(i64 %j.s, ptr %table, i64 %slots, i64 %j.t)
  br i1 %new, label %found, label %probed
found:
  %to = getelementptr i64, ptr %queue, i64 %tail.j
  store i64 %j.s, ptr %to
  %nth = sub i64 %tail.j, %tail.b
  %fresh.p2 = getelementptr i64, ptr %fresh, i64 %nth
  store i64 %j, ptr %fresh.p2
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
  %l.i = sub i64 %l, %tail.b
  %l.f = getelementptr i64, ptr %fresh, i64 %l.i
  %l.j = load i64, ptr %l.f
  %l.o = mul i64 %l.j, $size
  %l.s = getelementptr i8, ptr %out, i64 %l.o
  call void @look(ptr %l.s, i64 %l, ptr %own)
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
"""Searches until the queue is empty (0), enough is expanded (1) or found (2), or until there may not be room for
another block: in the queue or the table (3), or among the halves of states (4)."""

ADD = """
define i64 @add(ptr %shared) {
entry:
$load_queue
$load_table
$load_slots
$load_stride
$load_head
$load_tail
$load_out
$load_shorts
$load_marks
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  %end = getelementptr i64, ptr %out, i64 $words
  call void @shortened(ptr %out, ptr %end, ptr %shorts, ptr %own, ptr %nodes)
  %short = load i64, ptr %shorts
  %hash = call i64 @hash(i64 %short)
  %owner = call i64 @spread(i64 %hash, i64 $jobs)
  %rest = mul i64 %hash, $jobs
  %home = call i64 @spread(i64 %rest, i64 %slots)
  %part.o = mul i64 %owner, %stride
  %part = getelementptr i64, ptr %table, i64 %part.o
  %new = call i1 @probe(i64 %short, ptr %part, i64 %slots, i64 %home)
  br i1 %new, label %fresh, label %known
fresh:
  %to = getelementptr i64, ptr %queue, i64 %tail
  store i64 %short, ptr %to
  %low = and i64 %tail, $mark_mask
  %marked = icmp eq i64 %low, 0
  br i1 %marked, label %mark, label %look
mark:
  %number = lshr i64 %tail, $mark_bits
  %mark.p = getelementptr i64, ptr %marks, i64 %number
  store i64 %head, ptr %mark.p
  br label %look
look:
  call void @look(ptr %out, i64 %tail, ptr %own)
  %more = add i64 %tail, 1
  store i64 %more, ptr %tail.p
  %told = add i64 %owner, 1
  ret i64 %told
known:
  ret i64 0
}
"""
"""Puts the state in `out`, in which runs begin, behind the others. Gives its owner, from 1; 0 if it is known."""

FIND = """
define i64 @find(ptr %shared) {
entry:
$load_queue
$load_find_from
$load_tail
$load_out
$load_goal
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  br label %state
state:
  %i = phi i64 [%find_from, %entry], [%i.n, %exhausted]
  %over = icmp uge i64 %i, %tail
  br i1 %over, label %missing, label %expand
expand:
  %end = call ptr @successors(ptr %queue, i64 %i, ptr %out, ptr %own, ptr %nodes)
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
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  %end = call ptr @successors(ptr %queue, i64 %find_from, ptr %out, ptr %own, ptr %nodes)
  %from = ptrtoint ptr %out to i64
  %to = ptrtoint ptr %end to i64
  %bytes = sub i64 %to, %from
  %count = udiv exact i64 %bytes, $size
  ret i64 %count
}
"""
"""Expands the state `find_from` alone, and gives how many other states it leads to."""

RESTORED = """
define void @restore_all(ptr %shared, ptr %to) {
entry:
$load_queue
$load_tail
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  br label %each
each:
  %i = phi i64 [0, %entry], [%i.n, %copy]
  %over = icmp uge i64 %i, %tail
  br i1 %over, label %end, label %copy
copy:
  %s = call ptr @state_at(ptr %queue, i64 %i, ptr %own, ptr %nodes)
  %o = mul i64 %i, $words
  %p = getelementptr i64, ptr %to, i64 %o
  call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %s, i64 $size, i1 false)
  %i.n = add i64 %i, 1
  br label %each
end:
  ret void
}

define void @restored(ptr %shared) {
entry:
$load_queue
$load_find_from
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  %at = getelementptr i64, ptr %queue, i64 %find_from
  %short = load i64, ptr %at
  %known = getelementptr i64, ptr %own, i64 $known
  $restore
  ret void
}
"""
"""Write the words of all states, or of `find_from` to where a worker keeps the state that it is at."""

FILL = """
define i64 @fill(ptr %shared, i64 %me) {
entry:
$load_queue
$load_table
$load_slots
$load_stride
$load_tail
  %shorts = alloca [$batch x i64]
  %homes = alloca [$batch x i64]
  %part.o = mul i64 %me, %stride
  %part = getelementptr i64, ptr %table, i64 %part.o
  call void @touch(ptr %part, i64 0, i64 %slots)
  br label %batch
batch:
  %b = phi i64 [0, %entry], [%b.e, %done]
  %used = phi i64 [0, %entry], [%used.n, %done]
  %over = icmp uge i64 %b, %tail
  br i1 %over, label %end, label %begin
begin:
  %b.n = add i64 %b, $batch
  %b.last = icmp ult i64 %b.n, %tail
  %b.e = select i1 %b.last, i64 %b.n, i64 %tail
  br label %gather
gather:
  %i = phi i64 [%b, %begin], [%i.n, %gather]
  %n = phi i64 [0, %begin], [%n.n, %gather]
  %i.p = getelementptr i64, ptr %queue, i64 %i
  %short = load i64, ptr %i.p
  %hash = call i64 @hash(i64 %short)
  %owner = call i64 @spread(i64 %hash, i64 $jobs)
  %rest = mul i64 %hash, $jobs
  %home = call i64 @spread(i64 %rest, i64 %slots)
  %s.p = getelementptr i64, ptr %shorts, i64 %n
  store i64 %short, ptr %s.p
  %h.p = getelementptr i64, ptr %homes, i64 %n
  store i64 %home, ptr %h.p
  %mine = icmp eq i64 %owner, %me
  %asked.p = getelementptr i64, ptr %part, i64 %home
  %asked = select i1 %mine, ptr %asked.p, ptr %i.p
  call void @llvm.prefetch.p0(ptr %asked, i32 1, i32 1, i32 1)
  %one = zext i1 %mine to i64
  %n.n = add i64 %n, %one
  %i.n = add i64 %i, 1
  %i.end = icmp eq i64 %i.n, %b.e
  br i1 %i.end, label %gathered, label %gather
gathered:
  %used.n = add i64 %used, %n.n
  %nothing = icmp eq i64 %n.n, 0
  br i1 %nothing, label %done, label %put
put:
  %k = phi i64 [0, %gathered], [%k.n, %put]
  %k.s = getelementptr i64, ptr %shorts, i64 %k
  %k.short = load i64, ptr %k.s
  %k.h = getelementptr i64, ptr %homes, i64 %k
  %k.home = load i64, ptr %k.h
  %new = call i1 @probe(i64 %k.short, ptr %part, i64 %slots, i64 %k.home)
  %k.n = add i64 %k, 1
  %k.end = icmp eq i64 %k.n, %n.n
  br i1 %k.end, label %done, label %put
done:
  br label %batch
end:
  ret i64 %used
}
"""
"""Puts those states of the queue that are a worker's into its empty part of the table, and gives how many they are."""

"""What a worker does with a slice of the queue, as LLVM's text: expand, shorten, deal out, look up, append."""

from __future__ import annotations

DEAL = """
define internal void @deal(ptr %shorts, i64 %total, ptr %lists, ptr %counts) noinline {
entry:
  call void @llvm.memset.p0.i64(ptr %counts, i8 0, i64 $counts_size, i1 false)
  %none = icmp eq i64 %total, 0
  br i1 %none, label %end, label %each
each:
  %i = phi i64 [0, %entry], [%i.n, %each]
  %i.p = getelementptr i64, ptr %shorts, i64 %i
  %short = load i64, ptr %i.p
  %hash = call i64 @hash(i64 %short)
  %owner = call i64 @spread(i64 %hash, i64 $jobs)
  %count.p = getelementptr i64, ptr %counts, i64 %owner
  %count = load i64, ptr %count.p
  %count.n = add i64 %count, 1
  store i64 %count.n, ptr %count.p
  %begin = mul i64 %owner, $entries
  %place = add i64 %begin, %count
  %twice = shl i64 %place, 1
  %item = getelementptr i64, ptr %lists, i64 %twice
  store i64 %short, ptr %item
  %second = getelementptr i64, ptr %item, i64 1
  store i64 %i, ptr %second
  %i.n = add i64 %i, 1
  %over = icmp eq i64 %i.n, %total
  br i1 %over, label %end, label %each
end:
  ret void
}
"""
"""Puts each successor of a slice, with its place there, on the list of its owner."""

CLAIM = """
define internal i64 @claim(ptr %list, i64 %count, ptr %news, ptr %part, i64 %slots) noinline {
entry:
  %homes = alloca [$batch x i64]
  br label %batch
batch:
  %b = phi i64 [0, %entry], [%b.e, %probed]
  %found = phi i64 [0, %entry], [%found.n, %probed]
  %over = icmp uge i64 %b, %count
  br i1 %over, label %end, label %begin
begin:
  %b.n = add i64 %b, $batch
  %b.last = icmp ult i64 %b.n, %count
  %b.e = select i1 %b.last, i64 %b.n, i64 %count
  br label %ask
ask:
  %i = phi i64 [%b, %begin], [%i.n, %ask]
  %i.o = shl i64 %i, 1
  %i.p = getelementptr i64, ptr %list, i64 %i.o
  %i.s = load i64, ptr %i.p
  %hash = call i64 @hash(i64 %i.s)
  %rest = mul i64 %hash, $jobs
  %home = call i64 @spread(i64 %rest, i64 %slots)
  %i.k = sub i64 %i, %b
  %i.h = getelementptr i64, ptr %homes, i64 %i.k
  store i64 %home, ptr %i.h
  %asked = getelementptr i64, ptr %part, i64 %home
  call void @llvm.prefetch.p0(ptr %asked, i32 1, i32 1, i32 1)
  %i.n = add i64 %i, 1
  %i.end = icmp eq i64 %i.n, %b.e
  br i1 %i.end, label %probing, label %ask
probing:
  %j = phi i64 [%b, %ask], [%j.n, %probing]
  %n = phi i64 [%found, %ask], [%n.n, %probing]
  %j.o = shl i64 %j, 1
  %j.p = getelementptr i64, ptr %list, i64 %j.o
  %j.s = load i64, ptr %j.p
  %j.q = getelementptr i64, ptr %j.p, i64 1
  %j.i = load i64, ptr %j.q
  %j.k = sub i64 %j, %b
  %j.h = getelementptr i64, ptr %homes, i64 %j.k
  %j.t = load i64, ptr %j.h
  %new = call i1 @probe(i64 %j.s, ptr %part, i64 %slots, i64 %j.t)
  %n.p = getelementptr i64, ptr %news, i64 %n
  store i64 %j.i, ptr %n.p
  %one = zext i1 %new to i64
  %n.n = add i64 %n, %one
  %j.n = add i64 %j, 1
  %j.end = icmp eq i64 %j.n, %b.e
  br i1 %j.end, label %probed, label %probing
probed:
  %found.n = phi i64 [%n.n, %probing]
  br label %batch
end:
  ret i64 %found
}
"""
"""Looks up the successors on a list, and gives how many are new; their places are `news`."""

APPEND = """
define internal void @append(ptr %shared, ptr %desk, ptr %own, i64 %me, i64 %tail, i64 %head) noinline {
entry:
$load_queue
$load_marks
$load_desks
$desk_out
$desk_shorts
$desk_bits
$desk_total
  br label %owner
owner:
  %o = phi i64 [0, %entry], [%o.n, %noted]
  %o.p = getelementptr ptr, ptr %desks, i64 %o
  %o.desk = load ptr, ptr %o.p
  %o.news.p = getelementptr ptr, ptr %o.desk, i64 $at_news
  %o.news = load ptr, ptr %o.news.p
  %begin = mul i64 %me, $entries
  %news = getelementptr i64, ptr %o.news, i64 %begin
  %o.counts.p = getelementptr ptr, ptr %o.desk, i64 $at_new_counts
  %o.counts = load ptr, ptr %o.counts.p
  %count.p = getelementptr i64, ptr %o.counts, i64 %me
  %count = load i64, ptr %count.p
  %none = icmp eq i64 %count, 0
  br i1 %none, label %noted, label %note
note:
  %n = phi i64 [0, %owner], [%n.n, %note]
  %n.p = getelementptr i64, ptr %news, i64 %n
  %place = load i64, ptr %n.p
  %word = lshr i64 %place, 6
  %bit.n = and i64 %place, 63
  %bit = shl i64 1, %bit.n
  %word.p = getelementptr i64, ptr %bits, i64 %word
  %before = load i64, ptr %word.p
  %after = or i64 %before, %bit
  store i64 %after, ptr %word.p
  %n.n = add i64 %n, 1
  %n.end = icmp eq i64 %n.n, %count
  br i1 %n.end, label %noted, label %note
noted:
  %o.n = add i64 %o, 1
  %o.end = icmp eq i64 %o.n, $jobs
  br i1 %o.end, label %words, label %owner
words:
  %w = phi i64 [0, %noted], [%w.n, %word.done]
  %at = phi i64 [%tail, %noted], [%at.w, %word.done]
  %w.first = shl i64 %w, 6
  %over = icmp uge i64 %w.first, %total
  br i1 %over, label %end, label %word.begin
word.begin:
  %w.p = getelementptr i64, ptr %bits, i64 %w
  %w.bits = load i64, ptr %w.p
  store i64 0, ptr %w.p
  br label %bit.each
bit.each:
  %left = phi i64 [%w.bits, %word.begin], [%left.n, %appended]
  %at.w = phi i64 [%at, %word.begin], [%at.n, %appended]
  %clear = icmp eq i64 %left, 0
  br i1 %clear, label %word.done, label %bit.take
bit.take:
  %z = call i64 @llvm.cttz.i64(i64 %left, i1 true)
  %less = sub i64 %left, 1
  %left.n = and i64 %left, %less
  %i = or i64 %w.first, %z
  %i.p = getelementptr i64, ptr %shorts, i64 %i
  %i.s = load i64, ptr %i.p
  %to = getelementptr i64, ptr %queue, i64 %at.w
  store i64 %i.s, ptr %to
  %low = and i64 %at.w, $mark_mask
  %marked = icmp eq i64 %low, 0
  br i1 %marked, label %mark, label %looking
mark:
  %number = lshr i64 %at.w, $mark_bits
  %mark.p = getelementptr i64, ptr %marks, i64 %number
  store i64 %head, ptr %mark.p
  br label %looking
looking:
  %i.o = mul i64 %i, $size
  %state = getelementptr i8, ptr %out, i64 %i.o
  call void @look(ptr %state, i64 %at.w, ptr %own)
  br label %appended
appended:
  %at.n = add i64 %at.w, 1
  br label %bit.each
word.done:
  %w.n = add i64 %w, 1
  br label %words
end:
  ret void
}
"""
"""Appends what is new of a slice to the queue, from `tail` on, and looks at it; `head` is where the slice begins."""

EXPAND_SLICE = """
define internal void @expand_slice(ptr %shared, ptr %desk, ptr %own, i64 %from, i64 %to) noinline {
entry:
$load_queue
$load_nodes
$desk_out
$desk_ends
$desk_total
  br label %each
each:
  %i = phi i64 [%from, %entry], [%i.n, %expand]
  %at = phi ptr [%out, %entry], [%at.n, %expand]
  %over = icmp uge i64 %i, %to
  br i1 %over, label %end, label %expand
expand:
  %at.n = call ptr @successors(ptr %queue, i64 %i, ptr %at, ptr %own, ptr %nodes)
  %nth = sub i64 %i, %from
  %end.p = getelementptr ptr, ptr %ends, i64 %nth
  store ptr %at.n, ptr %end.p
  %i.n = add i64 %i, 1
  br label %each
end:
  %a = ptrtoint ptr %out to i64
  %b = ptrtoint ptr %at to i64
  %bytes = sub i64 %b, %a
  %count = udiv exact i64 %bytes, $size
  store i64 %count, ptr %total.p
  ret void
}
"""
"""Expands a slice, and remembers where the successors of each state end."""

SHORTEN_SLICE = """
define internal void @shorten_slice(ptr %shared, ptr %desk, ptr %own, i64 %from, i64 %to) noinline {
entry:
$load_queue
$load_nodes
$desk_out
$desk_shorts
$desk_ends
$desk_crowded
  store i64 0, ptr %crowded.p
  %known = getelementptr i64, ptr %own, i64 $known
  br label %each
each:
  %i = phi i64 [%from, %entry], [%i.n, %shorten]
  %at = phi ptr [%out, %entry], [%at.n, %shorten]
  %to.s = phi ptr [%shorts, %entry], [%to.n, %shorten]
  %over = icmp uge i64 %i, %to
  br i1 %over, label %end, label %check
check:
  %full = $crowded
  br i1 %full, label %stop, label %shorten
shorten:
  %i.p = getelementptr i64, ptr %queue, i64 %i
  %short = load i64, ptr %i.p
  $restore
  %nth = sub i64 %i, %from
  %end.p = getelementptr ptr, ptr %ends, i64 %nth
  %at.n = load ptr, ptr %end.p
  call void @shortened(ptr %at, ptr %at.n, ptr %to.s, ptr %own, ptr %nodes)
  %a = ptrtoint ptr %at to i64
  %b = ptrtoint ptr %at.n to i64
  %bytes = sub i64 %b, %a
  %count = udiv exact i64 %bytes, $size
  %to.n = getelementptr i64, ptr %to.s, i64 %count
  %i.n = add i64 %i, 1
  br label %each
stop:
  store i64 1, ptr %crowded.p
  br label %end
end:
  ret void
}
"""
"""Shortens the successors of a slice, unless a table of halves has no room; it may be done again from the beginning."""

"""A part of the table made larger where it lies, as LLVM's text.

A slot comes from the high bits of a hash, so in a larger part every state lies further on, and in the same order. From
back to front a stretch of slots is taken out at a time and put where it belongs, which is behind all that is still to
come. So each worker reads nothing but its own part, and no memory is asked for but what is new.
"""

from __future__ import annotations

PAGE = 512
"""How many slots a page of memory has, on nearly all systems; a larger one is only written to more often."""
STRETCH = 4096
"""How many slots are taken out at a time."""

TOUCH = """
define internal void @touch(ptr %part, i64 %from, i64 %to) noinline {
entry:
  br label %page
page:
  %i = phi i64 [%from, %entry], [%i.n, %write]
  %over = icmp uge i64 %i, %to
  br i1 %over, label %end, label %write
write:
  %p = getelementptr i64, ptr %part, i64 %i
  store volatile i64 0, ptr %p
  %i.n = add i64 %i, $page
  br label %page
end:
  ret void
}
"""
"""Writes to every page of empty slots before anybody reads there.

A page that is read first is given twice: as zeros that all share, and as memory once it is written to, which interrupts
every other processor that this process runs on.
"""

WIDEN = """
define i64 @widen(ptr %shared, i64 %me) {
entry:
$load_table
$load_slots
$load_stride
$load_was_slots
  %shorts = alloca [$stretch x i64]
  %homes = alloca [$stretch x i64]
  %part.o = mul i64 %me, %stride
  %part = getelementptr i64, ptr %table, i64 %part.o
  call void @touch(ptr %part, i64 %was_slots, i64 %slots)
  br label %stretch
stretch:
  %end = phi i64 [%was_slots, %entry], [%begin, %done]
  %over = icmp eq i64 %end, 0
  br i1 %over, label %widened, label %take
take:
  %last = sub i64 %end, 1
  %past = urem i64 %last, $stretch
  %begin = sub i64 %last, %past
  br label %gather
gather:
  %i = phi i64 [%begin, %take], [%i.n, %gather]
  %n = phi i64 [0, %take], [%n.n, %gather]
  %least = phi i64 [-1, %take], [%least.n, %gather]
  %i.p = getelementptr i64, ptr %part, i64 %i
  %short = load i64, ptr %i.p
  store i64 0, ptr %i.p
  %hash = call i64 @hash(i64 %short)
  %rest = mul i64 %hash, $jobs
  %home = call i64 @spread(i64 %rest, i64 %slots)
  %s.p = getelementptr i64, ptr %shorts, i64 %n
  store i64 %short, ptr %s.p
  %h.p = getelementptr i64, ptr %homes, i64 %n
  store i64 %home, ptr %h.p
  %some = icmp ne i64 %short, 0
  %one = zext i1 %some to i64
  %n.n = add i64 %n, %one
  %home.l = call i64 @llvm.umin.i64(i64 %least, i64 %home)
  %least.n = select i1 %some, i64 %home.l, i64 %least
  %i.n = add i64 %i, 1
  %i.end = icmp eq i64 %i.n, %end
  br i1 %i.end, label %gathered, label %gather
gathered:
  %early = icmp ult i64 %least.n, %begin
  br i1 %early, label %tangled, label %any
any:
  %nothing = icmp eq i64 %n.n, 0
  br i1 %nothing, label %done, label %put
put:
  %k = phi i64 [0, %any], [%k.n, %put]
  %k.s = getelementptr i64, ptr %shorts, i64 %k
  %k.short = load i64, ptr %k.s
  %k.h = getelementptr i64, ptr %homes, i64 %k
  %k.home = load i64, ptr %k.h
  %new = call i1 @probe(i64 %k.short, ptr %part, i64 %slots, i64 %k.home)
  %k.n = add i64 %k, 1
  %k.end = icmp eq i64 %k.n, %n.n
  br i1 %k.end, label %done, label %put
done:
  br label %stretch
widened:
  ret i64 1
tangled:
  ret i64 0
}
"""
"""Gives 1 when all is where it belongs; 0 if something belonged among what was still to come: then it is not done."""

WIDENING = (TOUCH, WIDEN)

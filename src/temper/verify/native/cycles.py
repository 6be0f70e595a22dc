"""The fair components of a graph as LLVM's text: Tarjan's algorithm, after `verify.explicit.components`.

A `$` stands before what depends on the model. Masks are so many words as there are debts for, and `@kinds` holds four
for each kind of step: paid, owed, asked, kept.
"""

from __future__ import annotations

COMPONENTS = """
define void @components(ptr %shared) {
entry:
$load_queue
$load_offsets
$load_targets
$load_sorts
$load_group
$load_order
$load_low
$load_path
$load_calls
$load_places
$load_found
$load_roots
$load_count
$load_me
$load_next
$load_written
  %me.s = trunc i64 %me to i32
  %clock = alloca i32
  store i32 0, ptr %clock
  %top = alloca i64
  store i64 0, ptr %top
  %depth = alloca i64
  store i64 0, ptr %depth
  %out = alloca i64
  store i64 %written, ptr %out
  %id = alloca i64
  store i64 %next, ptr %id
  %entering = alloca i32
  br label %roots.loop
roots.loop:
  %i = phi i64 [0, %entry], [%i.n, %root.done]
  %i.end = icmp uge i64 %i, %count
  br i1 %i.end, label %finish, label %root
root:
  %root.p = getelementptr i32, ptr %roots, i64 %i
  %root.s = load i32, ptr %root.p
  %root.w = zext i32 %root.s to i64
  %rg.p = getelementptr i32, ptr %group, i64 %root.w
  %rg = load i32, ptr %rg.p
  %mine = icmp eq i32 %rg, %me.s
  %ro.p = getelementptr i32, ptr %order, i64 %root.w
  %ro = load i32, ptr %ro.p
  %new = icmp eq i32 %ro, 0
  %go = and i1 %mine, %new
  store i32 %root.s, ptr %entering
  br i1 %go, label %enter, label %root.done
root.done:
  %i.n = add i64 %i, 1
  br label %roots.loop
finish:
  %out.f = load i64, ptr %out
  store i64 %out.f, ptr %written.p
  %id.f = load i64, ptr %id
  store i64 %id.f, ptr %next.p
  ret void
enter:
  %v.s = load i32, ptr %entering
  %v = zext i32 %v.s to i64
  %clock.0 = load i32, ptr %clock
  %clock.1 = add i32 %clock.0, 1
  store i32 %clock.1, ptr %clock
  %vo.p = getelementptr i32, ptr %order, i64 %v
  store i32 %clock.1, ptr %vo.p
  %vl.p = getelementptr i32, ptr %low, i64 %v
  store i32 %clock.1, ptr %vl.p
  %top.0 = load i64, ptr %top
  %vp.p = getelementptr i32, ptr %path, i64 %top.0
  store i32 %v.s, ptr %vp.p
  %top.1 = add i64 %top.0, 1
  store i64 %top.1, ptr %top
  %depth.0 = load i64, ptr %depth
  %vc.p = getelementptr i32, ptr %calls, i64 %depth.0
  store i32 %v.s, ptr %vc.p
  %ve.p = getelementptr i64, ptr %offsets, i64 %v
  %ve = load i64, ptr %ve.p
  %vq.p = getelementptr i64, ptr %places, i64 %depth.0
  store i64 %ve, ptr %vq.p
  %depth.1 = add i64 %depth.0, 1
  store i64 %depth.1, ptr %depth
  br label %turn
turn:
  %depth.2 = load i64, ptr %depth
  %idle = icmp eq i64 %depth.2, 0
  br i1 %idle, label %root.done, label %deeper
deeper:
  %depth.3 = sub i64 %depth.2, 1
  %uc.p = getelementptr i32, ptr %calls, i64 %depth.3
  %u.s = load i32, ptr %uc.p
  %u = zext i32 %u.s to i64
  %uq.p = getelementptr i64, ptr %places, i64 %depth.3
  %e = load i64, ptr %uq.p
  %u1 = add i64 %u, 1
  %ue.p = getelementptr i64, ptr %offsets, i64 %u1
  %ue = load i64, ptr %ue.p
  %over = icmp eq i64 %e, %ue
  br i1 %over, label %leave, label %edge
edge:
  %e.n = add i64 %e, 1
  store i64 %e.n, ptr %uq.p
  %t.p = getelementptr i32, ptr %targets, i64 %e
  %t.s = load i32, ptr %t.p
  %t = zext i32 %t.s to i64
  %tg.p = getelementptr i32, ptr %group, i64 %t
  %tg = load i32, ptr %tg.p
  %t.in = icmp eq i32 %tg, %me.s
  br i1 %t.in, label %allowed, label %turn
allowed:
  %k.p = getelementptr i32, ptr %sorts, i64 %e
  %k = load i32, ptr %k.p
  %bad = call i1 @is_left_out(i32 %k, ptr @without)
  br i1 %bad, label %turn, label %inner
inner:
  %to.p = getelementptr i32, ptr %order, i64 %t
  %to = load i32, ptr %to.p
  %t.new = icmp eq i32 %to, 0
  store i32 %t.s, ptr %entering
  br i1 %t.new, label %enter, label %seen
seen:
  %ul.p = getelementptr i32, ptr %low, i64 %u
  %ul = load i32, ptr %ul.p
  %ul.n = call i32 @llvm.umin.i32(i32 %ul, i32 %to)
  store i32 %ul.n, ptr %ul.p
  br label %turn
leave:
  store i64 %depth.3, ptr %depth
  %l.p = getelementptr i32, ptr %low, i64 %u
  %l = load i32, ptr %l.p
  %is.top = icmp eq i64 %depth.3, 0
  br i1 %is.top, label %closing, label %lower
lower:
  %depth.4 = sub i64 %depth.3, 1
  %pc.p = getelementptr i32, ptr %calls, i64 %depth.4
  %p.s = load i32, ptr %pc.p
  %p = zext i32 %p.s to i64
  %pl.p = getelementptr i32, ptr %low, i64 %p
  %pl = load i32, ptr %pl.p
  %pl.n = call i32 @llvm.umin.i32(i32 %pl, i32 %l)
  store i32 %pl.n, ptr %pl.p
  br label %closing
closing:
  %o.p = getelementptr i32, ptr %order, i64 %u
  %o = load i32, ptr %o.p
  %is.root = icmp eq i32 %l, %o
  br i1 %is.root, label %pop, label %turn
pop:
  %id.0 = load i64, ptr %id
  %id.s = trunc i64 %id.0 to i32
  %id.1 = add i64 %id.0, 1
  store i64 %id.1, ptr %id
  %end = load i64, ptr %top
  br label %popping
popping:
  %at = phi i64 [%end, %pop], [%at.n, %popping]
  %at.n = sub i64 %at, 1
  %s.p = getelementptr i32, ptr %path, i64 %at.n
  %s.s = load i32, ptr %s.p
  %s = zext i32 %s.s to i64
  %sg.p = getelementptr i32, ptr %group, i64 %s
  store i32 %id.s, ptr %sg.p
  %so.p = getelementptr i32, ptr %order, i64 %s
  store i32 0, ptr %so.p
  %last = icmp eq i32 %s.s, %u.s
  br i1 %last, label %popped, label %popping
popped:
  store i64 %at.n, ptr %top
  %many = sub i64 %end, %at.n
  %alone = icmp eq i64 %many, 1
$without_now
  br label %weigh
weigh:
$reset
  br label %member
member:
  %m = phi i64 [%at.n, %weigh], [%m.n, %weighed]
  %x.p = getelementptr i32, ptr %path, i64 %m
  %x.s = load i32, ptr %x.p
  %x = zext i32 %x.s to i64
  %x.o = mul i64 %x, $size
  %x.w = getelementptr i8, ptr %queue, i64 %x.o
  call void @owes(ptr %x.w)
  %x0.p = getelementptr i64, ptr %offsets, i64 %x
  %x0 = load i64, ptr %x0.p
  %x1.p = getelementptr i64, ptr %x0.p, i64 1
  %x1 = load i64, ptr %x1.p
  br label %step
step:
  %y = phi i64 [%x0, %member], [%y.n, %stepped]
  %y.end = icmp eq i64 %y, %x1
  br i1 %y.end, label %weighed, label %step.in
step.in:
  %y.n = add i64 %y, 1
  %yk.p = getelementptr i32, ptr %sorts, i64 %y
  %yk = load i32, ptr %yk.p
  call void @show(i32 %yk)
  %yt.p = getelementptr i32, ptr %targets, i64 %y
  %yt.s = load i32, ptr %yt.p
  %yt = zext i32 %yt.s to i64
  %yg.p = getelementptr i32, ptr %group, i64 %yt
  %yg = load i32, ptr %yg.p
  %y.in = icmp eq i32 %yg, %id.s
  br i1 %y.in, label %step.inner, label %stepped
step.inner:
  %y.bad = call i1 @is_left_out(i32 %yk, ptr @without_now)
  br i1 %y.bad, label %stepped, label %pay
pay:
  call void @pay(i32 %yk)
  br label %stepped
stepped:
  br label %step
weighed:
$narrow
  %m.n = add i64 %m, 1
  %m.end = icmp eq i64 %m.n, %end
  br i1 %m.end, label %verdict, label %member
verdict:
$unpaid
  br i1 %is.unpaid, label %turn, label %asking
asking:
$vain
  br i1 %is.vain, label %again, label %tell
again:
$leave_out
  br i1 %alone, label %weigh, label %tell
tell:
  %what = phi i64 [0, %asking], [1, %again]
  %w0 = load i64, ptr %out
  %w0.p = getelementptr i64, ptr %found, i64 %w0
  store i64 %what, ptr %w0.p
  %w1.p = getelementptr i64, ptr %w0.p, i64 1
  store i64 %many, ptr %w1.p
  %w2.p = getelementptr i64, ptr %w0.p, i64 2
  store i64 %id.0, ptr %w2.p
$tell_without
  %z.o = add i64 %w0, $header
  br label %telling
telling:
  %z = phi i64 [%at.n, %tell], [%z.n, %telling]
  %z.w = phi i64 [%z.o, %tell], [%z.wn, %telling]
  %z.p = getelementptr i32, ptr %path, i64 %z
  %z.s = load i32, ptr %z.p
  %z.l = zext i32 %z.s to i64
  %z.q = getelementptr i64, ptr %found, i64 %z.w
  store i64 %z.l, ptr %z.q
  %z.n = add i64 %z, 1
  %z.wn = add i64 %z.w, 1
  %z.end = icmp eq i64 %z.n, %end
  br i1 %z.end, label %told, label %telling
told:
  store i64 %z.wn, ptr %out
  br label %turn
}
"""
"""Takes the roots of one group apart, and writes each component that is fair (0), or may be with steps left out (1).

Each is told as: which of both, how many states, its group, what is left out, and the states.
"""

APART = """
define i64 @are_apart(ptr %shared) {
entry:
$load_offsets
$load_targets
$load_sorts
$load_group
$load_roots
$load_count
$load_me
$load_at
  %me.s = trunc i64 %me to i32
  %first = trunc i64 %at to i32
  br label %root
root:
  %i = phi i64 [0, %entry], [%i.n, %rooted]
  %i.end = icmp uge i64 %i, %count
  br i1 %i.end, label %fine, label %look
look:
  %s.p = getelementptr i32, ptr %roots, i64 %i
  %s.s = load i32, ptr %s.p
  %s = zext i32 %s.s to i64
  %g.p = getelementptr i32, ptr %group, i64 %s
  %g = load i32, ptr %g.p
  %e0.p = getelementptr i64, ptr %offsets, i64 %s
  %e0 = load i64, ptr %e0.p
  %e1.p = getelementptr i64, ptr %e0.p, i64 1
  %e1 = load i64, ptr %e1.p
  %old = icmp ult i32 %g, %first
  br i1 %old, label %bad, label %step
step:
  %e = phi i64 [%e0, %look], [%e.n, %right]
  %e.end = icmp eq i64 %e, %e1
  br i1 %e.end, label %rooted, label %read
read:
  %e.n = add i64 %e, 1
  %t.p = getelementptr i32, ptr %targets, i64 %e
  %t.s = load i32, ptr %t.p
  %t = zext i32 %t.s to i64
  %tg.p = getelementptr i32, ptr %group, i64 %t
  %tg = load i32, ptr %tg.p
  %later = icmp ugt i32 %tg, %g
  %missed = icmp eq i32 %tg, %me.s
  %wrong = or i1 %later, %missed
  br i1 %wrong, label %unless, label %right
unless:
  %k.p = getelementptr i32, ptr %sorts, i64 %e
  %k = load i32, ptr %k.p
  %left = call i1 @is_left_out(i32 %k, ptr @without)
  br i1 %left, label %right, label %bad
right:
  br label %step
rooted:
  %i.n = add i64 %i, 1
  br label %root
fine:
  ret i64 1
bad:
  ret i64 0
}
"""
"""Whether each root is in a component from number `at` on, and every step stays in one or leads to an earlier one.

Then no cycle leaves a component, whatever went wrong in taking them apart.
"""

// Orders on Restate: a virtual object for each order. Restate's own ingress keeps the answer under the idempotency key.
//
// node restate_orders.mjs PORT
import * as restate from "@restatedev/restate-sdk";

// Node 20 does not have it yet, and the SDK asks for it.
Promise.withResolvers ??= function () {
  const made = {};
  made.promise = new this((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};

const order = restate.object({
  name: "Order",
  handlers: {
    amend: async (ctx, { amount, note }) => {
      if (!Number.isInteger(amount) || amount < 0 || amount > 1000000 || typeof note !== "string") {
        throw new restate.TerminalError("these are no arguments of `amend`", { errorCode: 400 });
      }
      const before = (await ctx.get("order")) ?? { state: "open", changes: 0 };
      if (!["open", "checked"].includes(before.state) || before.changes >= 1000000000) {
        throw new restate.TerminalError("the order is closed", { errorCode: 409 });
      }
      const state = before.state === "open" ? "checked" : "open";
      const after = { id: ctx.key, state, amount, note, changes: before.changes + 1 };
      ctx.set("order", after);
      return after;
    },
  },
});

await restate.serve({ services: [order], port: Number(process.argv[2]) });
console.log("ready");

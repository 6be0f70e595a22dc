-- Each request amends a random order, under an idempotency key of its own and with a body of its own.
local token = os.getenv("TEMPER_BENCH_TOKEN")
local orders = tonumber(os.getenv("TEMPER_BENCH_ORDERS"))
local run = os.getenv("TEMPER_BENCH_RUN")
local before = os.getenv("TEMPER_BENCH_BEFORE") or "/v1/orders/Order/o"
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  math.randomseed(number + 17)
  made = 0
  headers = {
    ["Content-Type"] = "application/json",
  }
  if token then
    headers["Authorization"] = "Bearer " .. token
  end
end

function request()
  made = made + 1
  headers["Idempotency-Key"] = run .. "-" .. number .. "-" .. made
  local body = '{"amount":' .. math.random(0, 400000) .. ',"note":"change ' .. made .. '"}'
  return wrk.format("POST", before .. math.random(0, orders - 1) .. "/amend", headers, body)
end

function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end

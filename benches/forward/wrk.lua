-- Tells wrk what to send, and prints what it found out as one line of numbers. By environment and not by arguments, which
-- everybody on the machine can read: one of them is a token.
wrk.method = os.getenv("BENCH_METHOD")
wrk.headers["Authorization"] = os.getenv("BENCH_AUTHORIZATION")
if wrk.method == "POST" then
   wrk.headers["Content-Type"] = "application/json"
   wrk.body = os.getenv("BENCH_BODY")
end

function done(summary, latency, requests)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration,
      latency:percentile(50), latency:percentile(99), failed))
end

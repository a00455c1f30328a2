-- Configures wrk's requests and prints the results as one line of numbers. The values come from the environment because
-- one is a token, and every user of the machine can read arguments.
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

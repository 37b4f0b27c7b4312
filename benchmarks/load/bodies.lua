-- Posts the requests of a file, one after the other, over and over; ends with one line of JSON.
-- A line is a request: its headers as "Name: value" with tabs between, then its body in hexadecimal.
local requests, at = {}, 0

local function read(line)
  local headers, body = { ["Content-Type"] = "application/json" }, nil
  for field in line:gmatch("[^\t]+") do
    local name, value = field:match("^([^:]+): (.*)$")
    if name then headers[name] = value else body = field end
  end
  body = body:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  return wrk.format("POST", nil, headers, body)
end

function init(arguments)
  for line in io.lines(arguments[1]) do requests[#requests + 1] = read(line) end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "refused": %d, "failed": %d, "p50": %.6f, "p90": %.6f, "p99": %.6f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(90) / 1e6, latency:percentile(99) / 1e6))
end

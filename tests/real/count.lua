-- For wrk: counts answers by status, and prints all that `run` wants to know as one line of JSON.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init()
   statuses = {}
end

function response(status)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
   local sums = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("statuses")) do
         sums[status] = (sums[status] or 0) + count
      end
   end
   local listed = {}
   for status, count in pairs(sums) do
      table.insert(listed, string.format('"%d": %d', status, count))
   end
   table.sort(listed)
   local errors = summary.errors
   io.write(string.format(
      'WRK {"requests": %d, "seconds": %.1f, "statuses": {%s}, "connect": %d, "read": %d, "write": %d, '
         .. '"timeout": %d, "p50": %.2f, "p99": %.2f, "max": %.2f}\n',
      summary.requests, summary.duration / 1e6, table.concat(listed, ", "), errors.connect, errors.read,
      errors.write, errors.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.max / 1e3))
end

-- Sends the requests of a race with wrk: takes a ready item from a queue, and puts it back as its answer says.
--
-- Arguments: the folder that holds the messages and `items`, and the work: pairs, reads or mixed.
-- `items` has a line for each item: its id, the last version that was acknowledged, and whether it is ready or its
-- last change has no known outcome. done() writes it anew, and what was counted to outcome.json.
-- The state in wrk's one thread is not that of done(), which can copy globals only.

local threads = {}
local messages = {}
local queue, first, last = {}, 1, 0
local folder, work, items
local asked = 0

acknowledged = {}
pending = {}
statuses = {}
counts = { sent = 0, good = 0, unreadable = 0, wrong = 0, starved = 0 }

function setup(thread)
    threads[#threads + 1] = thread
end

local function content(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

function init(arguments)
    folder, work = arguments[1], arguments[2]
    directory = folder
    for _, name in ipairs({ "open", "close", "read" }) do
        local path = folder .. "/" .. name
        messages[name] = { head = content(path .. ".head"), body = content(path .. ".xml") }
    end
    for id, version, state in content(folder .. "/items"):gmatch("(%d+) (%d+) (%a+)\n") do
        id = tonumber(id)
        acknowledged[id] = tonumber(version)
        if state == "ready" then
            last = last + 1
            queue[last] = id
        else
            pending[id] = true
        end
    end
    items = #acknowledged
end

local function message(name, ...)
    local body = messages[name].body:format(...)
    return messages[name].head:format(#body) .. body
end

local function read_request()
    return message("read", counts.sent % items + 1)
end

function request()
    asked = asked + 1
    if asked == 1 then
        return read_request() -- wrk only looks at the first one, and never sends it
    end
    counts.sent = counts.sent + 1
    if work == "reads" or (work == "mixed" and counts.sent % 3 == 0) then
        return read_request()
    end
    local id = queue[first]
    if id == nil then
        counts.starved = 1 -- too many requests have no known outcome
        wrk.thread:stop()
        return read_request()
    end
    queue[first] = nil
    first = first + 1
    pending[id] = true
    -- An item is offered at every even version and open at every odd one.
    return message(acknowledged[id] % 2 == 0 and "open" or "close", id, acknowledged[id])
end

-- The id and version of the first element that has both, in either order.
local function identify(body)
    local id, version = body:match('%sid="(%d+)"%s+version="(%d+)"')
    if id == nil then
        version, id = body:match('%sversion="(%d+)"%s+id="(%d+)"')
    end
    if id == nil then
        for tag in body:gmatch("<[^>]+>") do
            id, version = tag:match('%sid="(%d+)"'), tag:match('%sversion="(%d+)"')
            if id and version then
                break
            end
        end
    end
    return tonumber(id), tonumber(version)
end

function response(status, headers, body)
    statuses[status] = (statuses[status] or 0) + 1
    if status ~= 200 then
        return -- a fault does not say which item it is about: that one stays without a known outcome
    end
    local id, version = identify(body)
    if id == nil or version == nil or acknowledged[id] == nil then
        counts.unreadable = counts.unreadable + 1
        return
    end
    if work ~= "pairs" and body:find("getWorkItemHeaderResponse", 1, true) then
        -- Among changes, a change to the same item may be under way.
        if version ~= acknowledged[id] and work == "reads" then
            counts.wrong = counts.wrong + 1
        else
            counts.good = counts.good + 1
        end
        return
    end
    if not pending[id] or version ~= acknowledged[id] + 1 then
        counts.wrong = counts.wrong + 1
        return
    end
    counts.good = counts.good + 1
    acknowledged[id] = version
    pending[id] = nil
    last = last + 1
    queue[last] = id
end

local function write(path, text)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
end

local json
function json(pairs_of)
    local members = {}
    for name, value in pairs(pairs_of) do
        members[#members + 1] = ('"%s": %s'):format(name, type(value) == "table" and json(value) or tostring(value))
    end
    return "{" .. table.concat(members, ", ") .. "}"
end

function done(summary, latency)
    local thread = threads[1]
    local versions, open = thread:get("acknowledged"), thread:get("pending")
    local lines = {}
    for id, version in ipairs(versions) do
        lines[id] = ("%d %d %s\n"):format(id, version, open[id] and "pending" or "ready")
    end
    local place = thread:get("directory")
    write(place .. "/items", table.concat(lines))
    local counted = thread:get("counts")
    write(place .. "/outcome.json", json({
        seconds = summary.duration / 1e6,
        sent = counted.sent,
        good = counted.good,
        unreadable = counted.unreadable,
        wrong = counted.wrong,
        starved = counted.starved,
        statuses = thread:get("statuses"),
        socket_errors = summary.errors.connect + summary.errors.read + summary.errors.write,
        timeouts = summary.errors.timeout,
        milliseconds = {
            p50 = latency:percentile(50) / 1000,
            p99 = latency:percentile(99) / 1000,
            p999 = latency:percentile(99.9) / 1000,
            worst = latency.max / 1000,
        },
    }))
end

-- Tells the web server that a series or study has come to rest, so that the follower need not wait
-- for its next look at /changes. Only a nudge: nothing is lost when the web server is down.
-- URL and token come from the section "GliomaReview" of the server's configuration.

local silent_until = 0
local SILENCE_S = 30

local function nudge(level, orthanc_id)
  local settings = GetOrthancConfiguration()["GliomaReview"]
  if settings == nil or settings["NudgeUrl"] == nil or os.time() < silent_until then
    return
  end
  local body = DumpJson({ level = level, orthanc_id = orthanc_id }, true)
  local headers = {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Token " .. settings["NudgeToken"],
  }
  local ok, answer = pcall(HttpPost, settings["NudgeUrl"], body, headers)
  if not ok or answer == nil then
    -- A web server that is down or hangs must not hold up Orthanc's events at every series.
    silent_until = os.time() + SILENCE_S
    print("The web server did not take the nudge; it will find the study by itself.")
  end
end

function OnStableSeries(seriesId, tags, metadata)
  nudge("Series", seriesId)
end

function OnStableStudy(studyId, tags, metadata)
  nudge("Study", studyId)
end

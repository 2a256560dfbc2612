# What GitHub's runner does around the steps of a job.
workspace=$PWD
runner=$(mktemp -d)
mkdir "$runner/temp" "$runner/tools"
export CI=true GITHUB_ACTIONS=true GITHUB_WORKSPACE=$workspace RUNNER_OS=Linux
export RUNNER_TEMP=$runner/temp RUNNER_TOOL_CACHE=$runner/tools
export GITHUB_ENV=$runner/env GITHUB_OUTPUT=$runner/output GITHUB_PATH=$runner/path
export GITHUB_STATE=$runner/state GITHUB_STEP_SUMMARY=${GITHUB_STEP_SUMMARY:-$runner/summary}
touch "$GITHUB_ENV" "$GITHUB_OUTPUT" "$GITHUB_PATH" "$GITHUB_STATE" "$GITHUB_STEP_SUMMARY"
declare -A outputs outcomes conclusions
status=success code=0
statuses=() codes=()

success() { [[ $status == success ]]; }
failure() { [[ $status == failure ]]; }

# Texts are the same in upper and lower case.
same() { [[ "${1,,}" == "${2,,}" ]]; }
holds() { [[ "${1,,}" == *"${2,,}"* ]]; }
begins() { [[ "${1,,}" == "${2,,}"* ]]; }
ends() { [[ "${1,,}" == *"${2,,}" ]]; }

# TEXT OPERATOR INTEGER: an empty text is 0, and what is no number compares with nothing.
compare() {
  [[ "${1:-0}" =~ ^(-?)0*([0-9]+)$ ]] && ((${BASH_REMATCH[1]}${BASH_REMATCH[2]} $2 $3))
}

# The text of a step; PUT replaces an expression in it by its value, and RUN runs it.
text() { IFS= read -r -d '' text || true; }
put() { text=${text//"$1"/"$2"}; }
run() {
  printf %s "$text" >"$runner/step"
  "${@//'{0}'/"$runner/step"}" </dev/null
}

# FILE FUNCTION ID: hands on each NAME=VALUE, and each NAME<<END with the lines up to END.
pairs() {
  local line name value end lines
  while IFS= read -r line || [[ -n $line ]]; do
    local equals=${line%%=*} here=${line%%<<*}
    if [[ -z $line ]]; then
      continue
    elif ((${#equals} < ${#line} && ${#equals} < ${#here})); then
      "$2" "$equals" "${line#*=}" "$3"
    elif ((${#here} < ${#line})); then
      name=$here end=${line#*<<} value='' lines=''
      while true; do
        IFS= read -r line || [[ -n $line ]] || { echo "$name: the line $end is missing" >&2; return 1; }
        [[ $line != "$end" ]] || break
        value+=$lines$line lines=$'\n'
      done
      "$2" "$name" "$value" "$3"
    else
      echo "neither NAME=VALUE nor NAME<<END: $line" >&2
      return 1
    fi
  done <"$1"
}
set_variable() { case $1 in GITHUB_* | RUNNER_*) ;; *) export "$1=$2" ;; esac; }
set_output() { outputs[$3.$1]=$2; }

# ID EXIT-CODE GOES-ON: what a step leaves behind.
ended() {
  local ended=$2 conclusion=success line
  pairs "$GITHUB_ENV" set_variable "$1" || ended=1
  pairs "$GITHUB_OUTPUT" set_output "$1" || ended=1
  while IFS= read -r line || [[ -n $line ]]; do PATH=$line:$PATH; done <"$GITHUB_PATH"
  : >"$GITHUB_ENV"; : >"$GITHUB_OUTPUT"; : >"$GITHUB_PATH"
  outcomes[$1]=success
  if [[ $ended -ne 0 ]]; then
    outcomes[$1]=failure
    [[ $3 == true ]] || conclusion=failure
  fi
  conclusions[$1]=$conclusion
  if [[ $conclusion == failure ]]; then
    [[ $code -ne 0 ]] || code=$ended
    status=failure
  fi
}
skipped() { outcomes[$1]=skipped conclusions[$1]=skipped; }

# The steps of an action have a status of their own.
enter() { statuses+=("$status") codes+=("$code"); status=success code=0; }
leave() {
  local last=$((${#statuses[@]} - 1))
  inner=$code status=${statuses[last]} code=${codes[last]}
  unset "statuses[$last]" "codes[$last]"
}

# GOES-ON: the end of the job.
finish() {
  rm -rf "$runner"
  [[ $code -eq 0 || $1 != true ]] || { echo "the job failed with exit code $code, and the workflow goes on" >&2; code=0; }
  exit "$code"
}

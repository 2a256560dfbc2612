# What GitLab's runner does around a job.
project=$PWD
runner=$(mktemp -d)
export CI=true GITLAB_CI=true CI_SERVER=yes CI_PROJECT_DIR=$project
handed_on=' '

# Keeps the commands of a script under its name.
commands() { cat >"$runner/$1"; }

# The job gets no files of the repository.
without_files() {
  mkdir "$runner/empty"
  project=$runner/empty
  export CI_PROJECT_DIR=$project
}

# FILE JOB NAMES: the variables that another job hands on, but for those NAMES that come from outside.
dotenv() {
  local line name value
  [[ -r $1 ]] || { echo "the job $2 hands on $1, and there is no such file in $PWD" >&2; exit 1; }
  while IFS= read -r line || [[ -n $line ]]; do
    read -r name <<<"${line%%=*}"
    read -r value <<<"${line#*=}"
    [[ $line == *=* && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || { echo "$1: not NAME=VALUE: $line" >&2; exit 1; }
    [[ " $3 " == *" $name "* ]] && continue
    export "$name=$value"
    handed_on+="$name "
  done <"$1"
}
is_handed_on() { [[ $handed_on == *" $1 "* ]]; }

# EXIT-CODES: runs script and after_script; with such an exit code, or any, the pipeline goes on.
finish() {
  local code status=success limit=()
  (cd "$project" && exec bash -eo pipefail "$runner/script") </dev/null
  code=$?
  [[ $code -eq 0 ]] || status=failed
  if [[ -e $runner/after_script ]]; then
    ! command -v timeout >/dev/null || limit=(timeout 300)
    (cd "$project" && CI_JOB_STATUS=$status exec "${limit[@]}" bash -eo pipefail "$runner/after_script") </dev/null ||
      echo "after_script failed, which does not fail the job" >&2
  fi
  rm -rf "$runner"
  if [[ $code -ne 0 && (" $* " == *" any "* || " $* " == *" $code "*) ]]; then
    echo "the job failed with exit code $code, and the pipeline goes on" >&2
    code=0
  fi
  exit "$code"
}

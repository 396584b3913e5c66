# utils/run_functions.sh: what run.sh is written with (sourced by it; uses its variables).
# shellcheck shell=bash disable=SC2154,SC2034

# The stages of run.sh by number, from 0.
stages=(data xvector bottleneck synthesizer embed fit sample f0 content synthesize attacker asv asr utility report publish)

# stage_number <number or name>: the number of a stage.
stage_number() {
  local number
  for number in "${!stages[@]}"; do
    if [ "$1" = "$number" ] || [ "$1" = "${stages[number]}" ]; then
      printf '%s' "$number"
      return
    fi
  done
  die "no stage '$1'; there are: $(for number in "${!stages[@]}"; do printf '%s %s\n' "$number" "${stages[number]}"; done | paste -sd, | sed 's/,/, /g')"
}

# check_setup: ./run.sh --check, with the environment's Python, or, before there is one, whatever python3 there is.
check_setup() {
  local interpreter=${PSEUDOVOX_PYTHON:-.venv/bin/python}
  [ -x "$interpreter" ] || [ -n "${PSEUDOVOX_PYTHON:-}" ] || interpreter=${BASE_PYTHON:-python3}
  command -v "$interpreter" >/dev/null ||
    die "there is no Python at '$interpreter'${PSEUDOVOX_PYTHON:+ (PSEUDOVOX_PYTHON)}" \
      "  hint: install Python 3.11 or later (Debian, Ubuntu: apt-get install python3 python3-venv)"
  export PYTHONUTF8=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
  exec "$interpreter" utils/check_setup.py --recipe "$recipe" --system "$system" --data-dir "$data" \
    --exp-dir "$exp" "${settings[@]}"
}

# stage <number> <name> <description>: should this stage run? Prints its heading if so.
stage() {
  if [ -n "$list" ]; then
    printf '%3d  %-12s %s\n' "$1" "$2" "$3"
    return 1
  fi
  [ "$1" -ge "$first" ] && [ "$1" -le "$last" ] || return 1
  config=$exp/config.yaml stage_name=$2
  printf '\n== stage %d, %s: %s\n' "$1" "$2" "$3"
}

# step <name> <arguments...>: run steps/<name>.py, or the script that the configuration puts in its place in this stage
# (section `steps`), with the options that all steps share.
step() {
  local swapped=step.$stage_name.$1 script
  script=${conf[$swapped.$system]:-${conf[$swapped]:-steps/$1.py}}
  run_step "$script" "${@:2}"
}

# run_step <script> <arguments...>: run it with the options that all steps share.
run_step() {
  run_command "$PYTHON" "$1" --config "$config" --nj "$nj" --device "$device" ${force:+--force} "${@:2}"
}

# own_steps <stage>: what each system lists for this stage (conf/family, system.steps), or what is measured of it
# (kinds/measurements.py), with the options that all share.
own_steps() {
  local number words
  for system in $systems; do
    config=$exp/$system/config.yaml number=0
    while words=${conf[own.$1.$system.$number]:-}; [ -n "$words" ]; do
      IFS=$'\t' read -ra words <<< "$words"
      run_step "${words[@]}"
      number=$((number + 1))
    done
    [ "$1" != utility ] || [ -z "${conf[unmeasured.$system]}" ] || printf '%s: %s\n' "$system" "${conf[unmeasured.$system]}"
    [ "$number" -gt 0 ] || [ "$1" = synthesizer ] || printf '%s: nothing to do in stage "%s"\n' "$system" "$1"
  done
}

# run_command <program> <arguments...>: show, and run unless --dry-run. A failure ends the recipe.
run_command() {
  printf '$'
  printf ' %q' "${@//"$PWD/"/}" # quoted, so that the line can be pasted into a shell
  printf '\n'
  [ -z "$dry_run" ] || return 0
  "$@" && return 0
  local code=$?
  # Data that lack some files: the others are done first, and the exit code says so in the end (lost_files).
  if [ "$stage_name" = data ] && [ $code -eq 5 ]; then lost=yes; return 0; fi
  printf 'run.sh: stopped at this command (exit code %d); run again to go on from here\n' "$code" >&2
  exit "$code"
}

# lost_files: end with exit code 5 if some files of the corpora could not be read, naming them again.
lost_files() {
  local list
  [ -n "${lost:-}" ] || return 0
  printf '\nrun.sh: all done, but for these files, which cannot be read:\n' >&2
  for list in "$data"/*/failed.tsv; do
    [ ! -f "$list" ] || cut -f2 "$list" | sed 's/^/  /; s/ hint: /\n    hint: /' >&2
  done
  printf '  correct or remove them, then run the same command with --force\n' >&2
  exit 5
}

# read_settings: resolve the configuration and take over what run.sh needs of it.
read_settings() {
  local resolved line
  local preparing=
  [ "$first" -gt 0 ] || preparing=--prepare
  resolved=$("$PYTHON" utils/resolve_config.py --recipe "$recipe" --system "$system" --exp-dir "$exp" \
    --data-dir "$data" $preparing ${dry_run:+--dry-run} "${settings[@]}") || exit $?
  declare -gA conf=()
  prepare=() trials=()
  while IFS= read -r line; do
    case ${line%%=*} in
      prepare) prepare+=("${line#*=}") ;;
      trials) trials+=("${line#*=}") ;;
      *) conf[${line%%=*}]=${line#*=} ;;
    esac
  done <<< "$resolved"
  systems=${conf[systems]}
  models=${conf[models]:-$exp/models}
  xvector_dirs=$(dirs_of "${conf[xvector]}")
  bottleneck_dirs=$(dirs_of "${conf[bottleneck]}")
  synthesizer_dirs=$(dirs_of "${conf[synthesizer]}")
  pool_dirs=$(dirs_of "${conf[pool]}")
  attacker_dirs=$(dirs_of "${conf[attacker]}")
  recognizer_dirs=$(dirs_of "${conf[recognizer]}")
  trial_sets=$(printf '%s\n' "${trials[@]}" | tr ' ' '\n' | awk 'NF && !seen[$0]++' | paste -sd' ')
  spoken_sets=$(printf '%s\n' "${trials[@]#* }" | awk 'NF && !seen[$0]++' | paste -sd' ')
  recognizer=$models/recognizer
  [ "${conf[recognizer_kind]}" = ctc ] || recognizer=$exp/recognizer/original # not beside models that are shared
  retrain_sets=${conf[retrained]:+${conf[recognizer]}}
  test_sets="$trial_sets ${conf[anonymize]} $retrain_sets ${conf[emotion]}" # what every system anonymizes
  # Who else needs the attacker's own speech embedded: a PLDA, which also measures voice distinctiveness, or a centre.
  plda_sets=
  if [ "${conf[backend]}" != cosine ] || [ -n "${conf[voices]}" ]; then plda_sets=${conf[attacker]}; fi
}

# dirs_of "<sets>" [<system> [<option>]]: paths of data dirs, original or as a system anonymized them, each once (with
# an option before each).
dirs_of() {
  local set seen=" "
  for set in $1; do
    [[ $seen != *" $set "* ]] || continue
    seen+="$set "
    printf '%s ' ${3:+"$3"} "$data/$set${2:+_$2}"
  done
}

# makers: `--pseudo <system>=<dir>` of every system that makes pseudo-speakers of its own, where they were made.
makers() {
  local system folder
  for system in $systems; do
    folder=$exp/$system/pseudo
    [[ " ${conf[stages.$system]} " == *" fit "* && " ${conf[needed.$system]} " == *" xvectors "* ]] || continue
    if [ -n "$dry_run" ] || [ -d "$folder" ]; then printf ' --pseudo %s' "$system=$folder"; fi
  done
}

# needed <what>: do steps of any of the systems read it? xvector, bottleneck, synthesizer: models that all share;
# xvectors, f0, content: what is extracted for all (config/systems.py).
needed() {
  [[ " ${conf[needed]} " == *" $1 "* ]] && return 0
  printf 'not needed: %s\n' "${systems:-no system}"
  return 1
}

# attacks <attacker>: does it attack the current system (kinds/attackers.py)? Selects the system's configuration, and
# `ways`, in which an attacker is trained on what it anonymized.
attacks() {
  config=$exp/$system/config.yaml
  ways=${conf[ways.$system]}
  local why=${conf[refused.$1.$system]}
  [ -z "$why" ] && return 0
  printf '%s: no %s attacker: %s\n' "$system" "$1" "$why"
  return 1
}

# recognizes: is there a recogniser to be had, trained by this recipe or by others?
recognizes() {
  [ "${conf[recognizer_kind]}" != ctc ] || trains recognizer
}

# retrains: is a recogniser trained on what the current system anonymized?
retrains() {
  [ "$system" != original ] && [ -n "${conf[retrained]}" ]
}

# own_speech: the sets of the attacker's speech, if their embeddings by its own recogniser are needed.
own_speech() {
  if [ "${conf[backend]}" != cosine ] || [ -z "${conf[refused.informed.$system]}" ]; then printf '%s' "${conf[attacker]}"; fi
}

# score <attacker> <asv> [<way>]: score all trial lists of the current system, as this attacker (trained in this way),
# with this ASV's x-vectors (and, if that is the recipe's back end, a PLDA trained on those of the attacker's speech, or
# their mean as the centre).
score() {
  local pair set sets=() of=_$system enrolment_of=_$system plda='' tried=$data enrolled_in='' own=$2 own_of=_$system
  local centres=()
  if [ "${conf[backend]}" = cosine_centred ]; then
    case $2 in original | */undone) own=original own_of='' ;; esac
    for set in ${conf[attacker]}; do centres+=(--centre "$exp/asv/$own/$set$own_of"); done
  fi
  if [ "${conf[backend]}" = plda ]; then
    plda=$exp/asv/$2/plda
    [ "$1" != seed-informed ] || plda=$exp/asv/original/plda
    # shellcheck disable=SC2046  # data dirs are split on purpose
    [ "$plda" = "$exp/asv/original/plda" ] ||
      step train_plda --xvectors "$exp/asv/$2" $(dirs_of "${conf[attacker]}" "$system") "$plda"
  fi
  if [ "$system" = original ]; then of=""; fi
  case $1 in original | ignorant | seed-informed) enrolment_of="" ;; esac
  if [ "$1" = seed-informed ]; then tried=$exp/$system/undone enrolled_in=$exp/asv/original; fi
  for pair in "${trials[@]}"; do
    sets+=("$data/${pair% *}$enrolment_of" "$tried/${pair#* }$of")
  done
  step score_trials --attacker "$1" ${3:+--training "$3"} --system "$system" --xvectors "$exp/asv/$2" \
    ${enrolled_in:+--enrolment-xvectors "$enrolled_in"} ${plda:+--plda "$plda"} "${centres[@]}" "${sets[@]}" \
    "$exp/$system/asv/$1${3:+-$3}"
}

# trains <what>: does this recipe train models, or take those of another one?
trains() {
  [ -n "${conf[$1]}" ] && return 0
  case $1 in
    xvector | bottleneck | synthesizer) printf 'not in this recipe: its models are those in %s\n' "$models" ;;
    *) printf 'not in this recipe: it has no set for it (sets.%s)\n' "$1" ;;
  esac
  return 1
}

# prepare_data: the recipe's own commands of local/; the words DATA, FOLDER and CORPORA stand for the folders, and a
# corpus's name in capitals for its own (VCTK).
prepare_data() {
  local line words place root
  for line in "${prepare[@]}"; do
    read -ra words <<< "$line"
    for place in "${!words[@]}"; do
      root=root.${words[place],,}
      [[ ${words[place]} =~ [a-z] ]] || words[place]=${conf[$root]:-${words[place]}}
    done
    # (Quoted: bash would put the word itself in the place of a `&` in the folder's name.)
    words=("${words[@]/#DATA/"$data"}")
    words=("${words[@]/#FOLDER/"${conf[folder]}"}")
    words=("${words[@]/#CORPORA/"${conf[corpora]}"}")
    run_command "$PYTHON" "${words[@]}" --config "$config" --nj "$nj" ${force:+--force}
  done
}

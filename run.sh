#!/usr/bin/env bash
# run.sh: the front door. A table of contents: settings, options, then one stage after the other.
# `./run.sh` runs recipes/mini from speech to the table of results; see ./run.sh --help and --list.
# shellcheck disable=SC2046,SC2086,SC2154  # lists of data dirs are split on purpose; their names hold no spaces
set -euo pipefail
export LC_ALL=C PYTHONUTF8=1 # before the first tool: patterns and cases differ by locale (Turkish i)
cd "$(dirname "${BASH_SOURCE[0]}")"

# ---------------------------------------------------------------------- settings
recipe=mini        # a folder of recipes/
system=            # systems to run, comma-separated (conf/system/<name>.yaml); empty: those of the recipe
stage=0            # first stage, by number or name
stop_stage=15      # last stage
nj=0               # parallel jobs of a step; 0: one per core
device=auto        # auto, cpu, cuda, cuda:<n>
seed=              # of every random draw; empty: the recipe's
seed_file=         # with a secret seed; empty: <exp>/private/seed where it is there, or drawn into it by --publish
publish=           # lay anonymized recordings out for giving away
data=              # data dirs; empty: data/<recipe>
exp=               # models and results; empty: exp/<recipe>
force=             # make outputs anew
dry_run=           # print the commands, run nothing
list=              # print the stages, run nothing
check=             # say what this machine has and what the recipe lacks, run nothing
settings=()        # --set key=value, as they come

usage() {
  cat <<'END'
usage: ./run.sh [options]

Anonymizes speech and measures how private and how intelligible the result is. Without options: recipes/mini,
from making its speech to the table of results, on the CPU or GPU there is. A stage that is done is skipped.

  --recipe NAME        a folder of recipes/ (mini)
  --system A,B,...     systems to run (conf/system/); default: those that the recipe names
  --stage N|NAME       first stage             --stop-stage N|NAME   last stage
  --help               this page
  --check              what this machine has and what the recipe lacks, each with a hint
  --list               print the stages        --dry-run             print the commands, run nothing
  --nj N               parallel jobs of a step (one per core)
  --device D           auto, cpu, cuda, cuda:<n>
  --seed N             of every random draw
  --set KEY=VALUE      override one key of the configuration (repeatable); conf/default.yaml explains all
  --data-dir DIR       data dirs (data/<recipe>)
  --exp-dir DIR        models and results (exp/<recipe>)
  --publish            lay anonymized recordings out for giving away, too (recipe own; docs/publishing.md), made with a
                       secret seed, which is drawn, or read from the file that --seed-file FILE names
  --force              make the outputs of the chosen stages anew

Examples:
  ./run.sh --set size=smoke --exp-dir exp/smoke --data-dir data/smoke     a run of three minutes
  ./run.sh --recipe own --set data.folder=/my/wavs                        anonymize a folder of recordings
  ./run.sh --recipe own --system mcadams --set data.folder=/my/wavs       without any trained model
  ./run.sh --stage sample --stop-stage synthesize --force                 draw and synthesize again
END
}

# ---------------------------------------------------------------------- options
die() { printf 'run.sh: %s\n' "$@" >&2; exit 2; }
while [ $# -gt 0 ]; do
  option=${1//_/-}
  case $option in
    --help|-h) usage; exit 0 ;;
    --list) list=yes; shift; continue ;;
    --check) check=yes; shift; continue ;;
    --dry-run) dry_run=yes; shift; continue ;;
    --force) force=yes; shift; continue ;;
    --publish) publish=yes; settings+=(--set publish.release=true); shift; continue ;;
  esac
  case $option in --*=*) die "write '${1%%=*} ${1#*=}' (with a space), not '$1'" ;; esac
  [ $# -ge 2 ] || die "option $1 is unknown or lacks its value; see ./run.sh --help"
  case $option in
    --recipe) recipe=$2 ;;
    --system) system=$2 ;;
    --stage) stage=$2 ;;
    --stop-stage) stop_stage=$2 ;;
    --nj) nj=$2 ;;
    --device) device=$2 ;;
    --seed) seed=$2 ;;
    --seed-file) seed_file=$2 ;;
    --set) settings+=(--set "$2") ;;
    --data-dir) data=$2 ;;
    --exp-dir) exp=$2 ;;
    *) die "no option $1; see ./run.sh --help" ;;
  esac
  shift 2
done
data=${data:-data/$recipe}
exp=${exp:-exp/$recipe}
for folder in "$data" "$exp"; do
  case $folder in
    -* | *[[:space:]]* | *[*?[]*) die "'$folder' cannot be a folder here: no spaces, no * ? [, no - in front" ;;
  esac
done
[[ $nj =~ ^[0-9]+$ ]] || die "--nj $nj: expected a whole number, 0 for one job per core"
[ -z "$seed" ] || [ -z "$seed_file" ] || die "--seed or --seed-file, not both"
if [ -n "$seed" ]; then
  settings+=(--set "seed=$seed")
elif [ -n "$seed_file$publish" ] || [ -e "$exp/private/seed" ]; then
  settings+=(--seed-file "${seed_file:-$exp/private/seed}")
fi

. utils/run_functions.sh
first=$(stage_number "$stage")
last=$(stage_number "$stop_stage")
[ -z "$check" ] || check_setup
if [ -z "$list" ]; then
  . ./path.sh
  . ./cmd.sh
  environment
  read_settings
  export PSEUDOVOX_AUDIO_DIGESTS="$exp/.audio_digests"
fi

# ---------------------------------------------------------------------- stages
if stage 0 data "corpora -> data dirs, enrolment and trial subsets"; then
  prepare_data
fi

if stage 1 xvector "train the x-vector extractor" && needed xvector && trains xvector; then
  step train_xvector --section xvector $xvector_dirs "$models/xvector"
fi

if stage 2 bottleneck "train the content extractor" && needed bottleneck && trains bottleneck; then
  sources=
  if [ -n "${conf[alignment]}" ]; then
    step align_phones $bottleneck_dirs "$exp/alignment"
    sources+=" --alignment $exp/alignment"
  fi
  if [ -n "${conf[teacher]}" ]; then
    step extract_teacher $bottleneck_dirs "$exp/teacher"
    sources+=" --teacher $exp/teacher"
  fi
  step train_bottleneck $sources $bottleneck_dirs "$models/bottleneck"
fi

if stage 3 synthesizer "train the synthesizer" && trains synthesizer; then
  if needed synthesizer; then
    step extract_xvectors --model "$models/xvector" $synthesizer_dirs "$exp/xvectors"
    step train_synthesizer --bottleneck "$models/bottleneck" --xvectors "$exp/xvectors" $synthesizer_dirs \
      "$models/synthesizer"
  fi
  own_steps synthesizer
fi

if stage 4 embed "x-vectors of pool and sets, by utterance and by speaker" && needed xvectors; then
  step extract_xvectors --model "$models/xvector" $(dirs_of "${conf[pool]} $test_sets ${conf[attacker]}") "$exp/xvectors"
fi

if stage 5 fit "fit the pseudo-speaker generator on the pool"; then
  if [ -n "${conf[pool]}" ] && needed f0; then step extract_f0 $pool_dirs "$exp/f0"; fi
  own_steps fit
fi

if stage 6 sample "a pseudo x-vector for every speaker or utterance"; then
  own_steps sample
fi

if stage 7 f0 "F0, and its move to the pseudo-speaker"; then
  if needed f0; then step extract_f0 $(dirs_of "$test_sets ${conf[attacker]}") "$exp/f0"; fi
  own_steps f0
fi

if stage 8 content "bottleneck features" && needed content; then
  step extract_bottleneck --model "$models/bottleneck" $(dirs_of "$test_sets ${conf[attacker]}") "$exp/bottleneck"
fi

if stage 9 synthesize "speech: the anonymized data dirs"; then
  own_steps synthesize
fi

if stage 10 attacker "train the evaluation ASV, on original and on anonymized speech" && trains attacker; then
  step train_xvector --section attacker $attacker_dirs "$exp/attacker/original"
  for system in $systems; do attacks semi-informed || continue
    for way in $ways; do
      initial=; [ "$way" = scratch ] || initial="--initial $exp/attacker/original"
      step train_xvector --section attacker $initial --system "$system" --pseudo "$exp/$system/pseudo" \
        $(dirs_of "${conf[attacker]}" "$system") "$exp/attacker/$system/$way"
    done
  done
fi

if stage 11 asv "trials -> scores -> privacy metrics, for every attacker" && trains attacker; then
  step extract_xvectors --model "$exp/attacker/original" $(dirs_of "$trial_sets $plda_sets") "$exp/asv/original"
  if [ "${conf[backend]}" = plda ] || [ -n "${conf[voices]}" ]; then
    step train_plda --xvectors "$exp/asv/original" $attacker_dirs "$exp/asv/original/plda"
  fi
  system=original score original original
  for system in $systems; do config=$exp/$system/config.yaml
    step extract_xvectors --model "$exp/attacker/original" $(dirs_of "$trial_sets" "$system") "$exp/asv/original"
    score ignorant original
    score lazy-informed original
    if attacks seed-informed > /dev/null; then
      tried=$(for pair in "${trials[@]}"; do printf '%s ' "${pair#* }"; done)
      step undo_mcadams $(dirs_of "$tried" "" --original) $(dirs_of "$tried" "$system") "$exp/$system/undone"
      step extract_xvectors --model "$exp/attacker/original" $(data=$exp/$system/undone dirs_of "$tried" "$system") \
        "$exp/asv/$system/undone"
      score seed-informed "$system/undone"
    fi
    attacks semi-informed || continue
    for way in $ways; do
      step extract_xvectors --model "$exp/attacker/$system/$way" $(dirs_of "$trial_sets $(own_speech)" "$system") \
        "$exp/asv/$system/$way"
      score semi-informed "$system/$way" "$way"
      attacks informed || continue
      step subtract_pseudo_speakers --system "$system" $(dirs_of "${conf[attacker]}" "$system" --own-speech) \
        --xvectors "$exp/asv/$system/$way" --pseudo "$exp/$system/pseudo" $(dirs_of "$trial_sets" "$system") \
        "$exp/asv/$system/$way/informed"
      score informed "$system/$way/informed" "$way"
    done
  done
fi

if stage 12 asr "WER on original and anonymized speech" && recognizes; then
  initial=
  if [ "${conf[recognizer_kind]}" = ctc ]; then step train_recognizer $recognizer_dirs "$recognizer"
  else step import_recognizer "$recognizer"; initial="--initial $recognizer"; fi
  for system in original $systems; do its=${system#original}
    [ -z "$its" ] || config=$exp/$system/config.yaml # its level is part of its figures
    step decode_speech --model "$recognizer" $(dirs_of "$spoken_sets" "$its") "$exp/$system/asr"
    step score_wer --model "$recognizer" --hypotheses "$exp/$system/asr" --system "$system" \
      $(dirs_of "$spoken_sets" "$its") "$exp/$system/wer"
    retrains || continue
    step train_recognizer $initial $(dirs_of "${conf[recognizer]}" "$its") "$exp/recognizer/$system"
    step decode_speech --model "$exp/recognizer/$system" $(dirs_of "$spoken_sets" "$its") "$exp/$system/asr_retrained"
    step score_wer --model "$exp/recognizer/$system" --hypotheses "$exp/$system/asr_retrained" --system "$system" \
      --training anonymized $(dirs_of "$spoken_sets" "$its") "$exp/$system/wer_retrained"
  done
fi

if stage 13 utility "pitch correlation, voice distinctiveness, emotion, speed, independent judges"; then
  own_steps utility
fi

if stage 14 report "the page, results.json, RESULTS.md and the table"; then
  if [ -n "${conf[pool]}" ] && [ -n "$(makers)" ]; then
    step plot_diversity --xvectors "$exp/xvectors" $(makers) $(dirs_of "${conf[pool]} $test_sets") "$exp/diversity"
  fi
  step write_report --data-dir "$data" --tensorboard "$exp/tensorboard" "$exp" "$exp/report"
fi

if stage 15 publish "anonymized recordings as a folder, and for release" && trains publish; then
  for system in $systems; do config=$exp/$system/config.yaml
    step publish_speech --system "$system" $(dirs_of "${conf[publish]}") "$exp/$system/folder"
    [ -z "${conf[release]}" ] ||
      step publish_speech --release --system "$system" $(dirs_of "${conf[publish]}") "$exp/$system/published"
  done
fi

lost_files

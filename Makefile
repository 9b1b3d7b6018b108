# Each target makes sure of Python and uv, then hands over to deploy/local/edgemesh_local.
#   EXECUTORS=cpp,ml   the executors to build and start (default: all)
#   NAME=mine          the plugin that `make plugin` makes, in cpp_plugins/mine
#   PLUGIN=, VERSION=  what `make pin` makes the default: a plugin, and its version, or `newest`
#   CALLS=1000000      how many calls `make soak` makes (default: 100,000)
#   MODEL=, VERSION=   what `make pin-model` does: a model, and its version, or `newest`
#   ONLY=name,…        the parts of test, lint, lock, bench or corpus (default: all)
# bench takes REQUESTS=1000000 for the scheduler's replay (ONLY=scheduler).
# bench-pywasm takes RUNS=100000 and DURATION=10 (seconds) for longer or shorter loads, and SETUP=1
# to build the sandbox's images from nothing too.

EXECUTORS ?=
NAME ?=
ONLY ?=
RUNS ?=
DURATION ?=
SETUP ?=
targets = up brought dashboard demo test bench protos lint clean lock build chaos operations soak release notices docs
PLUGIN ?=
VERSION ?=
MODEL ?=
.PHONY: help pin pin-model plugin $(targets) abuse bench-cpp bench-ml bench-pywasm corpus

help:
	@sh deploy/local/bootstrap.sh help

$(targets):
	@sh deploy/local/bootstrap.sh $@ --executors "$(EXECUTORS)" --only "$(ONLY)"

bench-cpp bench-ml: bench-%:
	@sh deploy/local/bootstrap.sh bench --executors $* --only $*

abuse:
	@sh deploy/local/bootstrap.sh abuse --executors pywasm,ml --only "$(ONLY)"

bench-pywasm:
	@BENCH_RUNS="$(RUNS)" BENCH_DURATION="$(DURATION)" BENCH_SETUP="$(SETUP)" \
		sh deploy/local/bootstrap.sh bench --executors pywasm --only pywasm

corpus:
	@sh deploy/local/bootstrap.sh corpus --executors pywasm --only "$(ONLY)"

plugin:
	@sh cpp_plugins/new_plugin.sh "$(NAME)"

pin:
	@executor_cpp/.venv/bin/python -m edgemesh_executor_cpp.pins \
		executor_cpp/.venv/edgemesh/plugins "$(PLUGIN)" "$(VERSION)"

pin-model:
	@executor_ml/.venv/bin/python -m edgemesh_executor_ml.pins \
		"$${EDGEMESH_ML_MODELS_DIR:-$${EDGEMESH_CACHE:-$$HOME/.cache/edgemesh}/models}" "$(MODEL)" "$(VERSION)"

# Images need a Docker engine; test-images starts one of its own, as root (see deploy/docker).
.PHONY: images test-images
images:
	@bash deploy/docker/images.sh

test-images:
	@sh deploy/local/bootstrap.sh help >/dev/null
	@bash deploy/docker/test.sh

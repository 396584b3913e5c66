# The image of pseudovox, for machines with and without a GPU (docker/README.md; docker-compose.yml runs it).
# Ubuntu 24.04 and its own Python 3.12. CUDA's libraries come with PyTorch, in the versions that constraints.txt pins, so
# NVIDIA's smallest image will do: it brings what lets a container see the driver, and says if that is too old.

FROM nvidia/cuda:13.0.2-base-ubuntu24.04 AS system
WORKDIR /workspace
COPY docker/install.sh docker/install.sh
RUN docker/install.sh system

# Made anew only when what is installed changes; the caches stay behind in this stage.
FROM system AS environment
ENV PSEUDOVOX_VENV=/opt/venv
ARG EXTRA=""
COPY pyproject.toml constraints.txt README.md ./
COPY utils/install.sh utils/install.sh
COPY pseudovox/__init__.py pseudovox/__init__.py
RUN docker/install.sh environment "$EXTRA"

FROM system AS runtime
COPY --from=environment /opt/venv /opt/venv
# Libraries are found by PyTorch itself: a path from outside would put others in their place.
ENV LD_LIBRARY_PATH=""
ENV PATH="/opt/venv/bin:$PATH"
ENV PSEUDOVOX_PYTHON=/opt/venv/bin/python
ENV HOME=/cache
ENV USER=pseudovox
COPY . .
RUN docker/install.sh user
USER 1000:1000
RUN ./run.sh --check
CMD ["./run.sh"]

# pix2pix with the extras that translate, export and serve.
#
#   docker build -t pix2pix .                                    for NVIDIA's GPUs; it runs on processors, too
#   docker build -t pix2pix --build-arg TORCH_INDEX=ADDRESS .    torch of another kind, such as for processors alone:
#                                                                the address after --index-url that PyTorch's page
#                                                                "Get Started" shows for "Compute Platform: CPU"
#
#   docker run --rm --gpus all -v "$PWD:/work" pix2pix train facades
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD:/work" pix2pix serve runs/facades --host 0.0.0.0
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=""
RUN python -m venv /opt/pix2pix
ENV PATH=/opt/pix2pix/bin:$PATH
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-cache-dir --index-url "$TORCH_INDEX" 'torch>=2.11'; fi
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN pip install --no-cache-dir '/source[export,fast,serve]'

FROM python:${PYTHON}-slim
# Triton, which torch brings for NVIDIA's GPUs, compiles its kernels here.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 painter \
    && install -d -o painter /work /cache
COPY --from=build /opt/pix2pix /opt/pix2pix
ENV PATH=/opt/pix2pix/bin:$PATH PIX2PIX_CACHE=/cache PYTHONUNBUFFERED=1
USER painter
WORKDIR /work
VOLUME /cache
EXPOSE 8000
ENTRYPOINT ["pix2pix"]
CMD ["--help"]

# The operator, as a static binary on an image without a shell.
#   docker build -t coach-operator .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd/manager cmd/manager
COPY controllers controllers
COPY hack/build hack/build
COPY internal internal
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH hack/build /manager

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]

# For scripts that try a running service: source it, call start_service, as often as services are needed. Needs a built
# program; stops what it started when the script ends.

ADMIN_USERNAME=root-of-all
ADMIN_PASSWORD="correct horse battery staple"
SERVICE_PIDS=()
SERVICE_DIRS=()

# start_service [NAME=VALUE…]: starts the service with these settings on a free port, with a new database and an
# administrator. Sets BASE_URL, SERVICE_DIR, where its database and its log are, and MAILS, where its mails are.
start_service() {
  local program=${VESTIBULE:-target/debug/vestibule} waited=0
  SERVICE_DIR=$(mktemp -d)
  SERVICE_DIRS+=("$SERVICE_DIR")
  trap stop_service EXIT
  local settings=(
    "DATABASE_URL=sqlite:///$SERVICE_DIR/app.db" "PORT=0" "BCRYPT_COST=4" "LOG_FORMAT=text"
    "MAIL_OUTBOX_DIR=$SERVICE_DIR/mails" "$@"
  )
  env "${settings[@]}" ADMIN_PASSWORD="$ADMIN_PASSWORD" "$program" create-admin \
    --email root@example.com --username "$ADMIN_USERNAME" >"$SERVICE_DIR/log" 2>&1 ||
    { cat "$SERVICE_DIR/log" >&2; return 1; }
  env "${settings[@]}" "$program" serve >>"$SERVICE_DIR/log" 2>&1 &
  local pid=$!
  SERVICE_PIDS+=("$pid")
  until BASE_URL=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$SERVICE_DIR/log") && [ -n "$BASE_URL" ]; do
    if ! kill -0 "$pid" 2>/dev/null || [ $((waited += 1)) -gt 300 ]; then
      cat "$SERVICE_DIR/log" >&2
      return 1
    fi
    sleep 0.1
  done
  MAILS=$SERVICE_DIR/mails
  export BASE_URL MAILS ADMIN_USERNAME ADMIN_PASSWORD
}

# Stops all that were started.
stop_service() {
  if [ ${#SERVICE_PIDS[@]} -gt 0 ]; then
    kill "${SERVICE_PIDS[@]}" 2>/dev/null || true
    wait "${SERVICE_PIDS[@]}" 2>/dev/null || true
  fi
  rm -rf "${SERVICE_DIRS[@]}"
  SERVICE_PIDS=()
  SERVICE_DIRS=()
}

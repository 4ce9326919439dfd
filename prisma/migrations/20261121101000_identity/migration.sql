-- Other ways to sign in: keys of programs, accounts of other providers, and programs without a browser.

BEGIN;

CREATE TABLE "api_key" (
    "workspace_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "key_hash" TEXT NOT NULL,
    "previous_hash" TEXT,
    "grace_until" TIMESTAMPTZ(3),
    "scopes" TEXT[],
    "created_by_id" UUID NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "last_used_at" TIMESTAMPTZ(3),
    "last_used_ip" TEXT,
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("workspace_id","id")
);
CREATE UNIQUE INDEX "api_key_workspace_id_key_hash_key" ON "api_key"("workspace_id", "key_hash");
CREATE UNIQUE INDEX "api_key_workspace_id_previous_hash_key" ON "api_key"("workspace_id", "previous_hash");
CREATE INDEX "api_key_created_by_id_idx" ON "api_key"("created_by_id");
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_workspace_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "api_key" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "api_key" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON "api_key" USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());

CREATE TABLE "linked_account" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_account_id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "linked_account_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "linked_account_provider_provider_account_id_key" ON "linked_account"("provider", "provider_account_id");
CREATE UNIQUE INDEX "linked_account_user_id_provider_key" ON "linked_account"("user_id", "provider");
ALTER TABLE "linked_account" ADD CONSTRAINT "linked_account_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user_account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE TABLE "provider_sign_in" (
    "id" UUID NOT NULL,
    "cookie_hash" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "next" TEXT NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "identity" JSONB,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "provider_sign_in_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "provider_sign_in_cookie_hash_key" ON "provider_sign_in"("cookie_hash");
CREATE INDEX "provider_sign_in_expires_at_idx" ON "provider_sign_in"("expires_at");

CREATE TABLE "device_authorization" (
    "id" UUID NOT NULL,
    "device_code_hash" TEXT NOT NULL,
    "user_code_hash" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "ip" TEXT NOT NULL,
    "user_agent" TEXT NOT NULL,
    "user_id" UUID,
    "approved" BOOLEAN,
    "last_polled_at" TIMESTAMPTZ(3),
    "poll_seconds" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "device_authorization_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "device_authorization_device_code_hash_key" ON "device_authorization"("device_code_hash");
CREATE UNIQUE INDEX "device_authorization_user_code_hash_key" ON "device_authorization"("user_code_hash");
CREATE INDEX "device_authorization_expires_at_idx" ON "device_authorization"("expires_at");
ALTER TABLE "device_authorization" ADD CONSTRAINT "device_authorization_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user_account"("id") ON DELETE SET NULL ON UPDATE CASCADE;

GRANT SELECT, INSERT, UPDATE, DELETE ON "api_key", "linked_account", "provider_sign_in", "device_authorization" TO sluice_app;

COMMIT;

import { useInfiniteQuery } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf } from "@/api/problem";
import { signingSecretsQuery, useCreateSigningSecret, useMay } from "@/api/queries";
import type { IssuedSecret } from "@/api/types";
import { t } from "@/lib/text";
import { Button, Dialog, Field, Input, SecretInput, Segmented, Select } from "@/ui";
import { useFieldError } from "../schema-form";
import type { WidgetProps } from "../types";
import { WidgetError } from "../widgets/groups";
import { type Auth, freeName, MODES, type Mode, switched } from "./modes";
import { ShownSecret } from "./shown";

const CHOICES = Object.entries(MODES).map(([value, { label }]) => ({ value, label }));

/** How whoever calls back proves who they are: the mode, its secret, and what the sender has to do. */
export function WebhookAuth({ value, onChange, path, disabled }: WidgetProps<Auth | null>) {
  const auth: Auth = value ?? { mode: "token" };
  const set = (change: Partial<Auth>) => onChange({ ...auth, ...change });
  return (
    <fieldset className="flex min-w-0 flex-col gap-2.5" disabled={disabled}>
      <Field label={t("Sender proves itself by")} hint={MODES[auth.mode].hint}>
        <Select
          value={auth.mode}
          disabled={disabled}
          onChange={(mode) => onChange(switched(value, mode as Mode), t("Sender proves itself"))}
          options={CHOICES}
        />
      </Field>
      <WidgetError path={path} />
      {auth.mode === "basic" && (
        <Text label={t("User name")} value={auth.username ?? ""} onChange={(username) => set({ username })} />
      )}
      {auth.mode === "hmac" && <HmacFields auth={auth} set={set} disabled={disabled} />}
      {auth.mode !== "token" && (
        <SecretField auth={auth} path={path} disabled={disabled} onChange={(secretId) => set({ secretId })} />
      )}
      <Networks value={auth.networks ?? []} path={path} onChange={(networks) => set({ networks })} />
    </fieldset>
  );
}

function SecretField({
  auth,
  path,
  disabled,
  onChange,
}: {
  auth: Auth;
  path: string;
  disabled: boolean;
  onChange: (id: string) => void;
}) {
  const may = useMay("editor");
  const query = useInfiniteQuery(signingSecretsQuery);
  const create = useCreateSigningSecret();
  const error = useFieldError(`${path}/secretId`);
  const [made, setMade] = useState<IssuedSecret | null>(null);
  const [pasting, setPasting] = useState(false);
  const secrets = query.data?.pages.flatMap((page) => page.items) ?? [];
  const known = secrets.find(({ id }) => id === auth.secretId);
  const options = secrets.map(({ id, name }) => ({ value: id, label: name }));
  if (auth.secretId && !known && query.isSuccess)
    options.push({ value: auth.secretId, label: t("A secret that is gone") });
  const unfit = auth.mode === "standard-webhooks" && known && !known.standard;
  const keep = (issued: IssuedSecret) => {
    onChange(issued.id);
    setMade(issued);
  };
  return (
    <>
      <Field
        label={t("Signing secret")}
        error={
          unfit
            ? t("It is not one of Standard Webhooks: whsec_ and base64 of at least 24 bytes.")
            : (error ?? (create.error && problemOf(create.error).detail))
        }
        hint={auth.secretId ? undefined : t("The sender and Baton both need it. One click makes it.")}
      >
        <Select
          value={auth.secretId ?? undefined}
          disabled={disabled || !options.length}
          placeholder={options.length ? t("Choose") : t("None yet")}
          onChange={onChange}
          options={options}
        />
      </Field>
      {may && !disabled && (
        <div className="flex flex-wrap gap-2">
          <Button
            size="sm"
            icon={KeyRound}
            variant={auth.secretId ? "secondary" : "primary"}
            pending={create.isPending}
            onClick={() =>
              create.mutate({ name: freeName(secrets.map(({ name }) => name)) }, { onSuccess: keep })
            }
          >
            {t("Make a secret")}
          </Button>
          <Button size="sm" variant="ghost" onClick={() => setPasting(true)}>
            {t("Paste the sender's …")}
          </Button>
        </div>
      )}
      {made?.secret && made.id === auth.secretId && <ShownSecret auth={auth} secret={made.secret} />}
      {pasting && (
        <PasteDialog auth={auth} onClose={() => setPasting(false)} onKept={({ id }) => onChange(id)} />
      )}
    </>
  );
}

function PasteDialog({
  auth,
  onClose,
  onKept,
}: {
  auth: Auth;
  onClose: () => void;
  onKept: (kept: IssuedSecret) => void;
}) {
  const create = useCreateSigningSecret();
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const problem = create.error ? problemOf(create.error) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (!name.trim() || !secret || create.isPending) return;
    create.mutate(
      { name: name.trim(), secret },
      {
        onSuccess: (kept) => {
          onKept(kept);
          onClose();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="sm"
      title={t("Keep the sender's secret")}
      description={MODES[auth.mode].pasted}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            type="submit"
            form="paste-secret"
            pending={create.isPending}
            disabled={!name.trim() || !secret}
          >
            {t("Keep it")}
          </Button>
        </>
      }
    >
      <form id="paste-secret" onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label={t("Name")}
          error={problem && (problem.at("/name") ?? (problem.errors.length ? null : problem.detail))}
        >
          <Input value={name} maxLength={200} onChange={(event) => setName(event.target.value)} autoFocus />
        </Field>
        <Field
          label={t("Secret")}
          hint={t("Kept sealed; nobody can read it here again.")}
          error={problem?.at("/secret")}
        >
          <SecretInput value={secret} onChange={(event) => setSecret(event.target.value)} />
        </Field>
      </form>
    </Dialog>
  );
}

function HmacFields({
  auth,
  set,
  disabled,
}: {
  auth: Auth;
  set: (change: Partial<Auth>) => void;
  disabled: boolean;
}) {
  return (
    <div className="grid grid-cols-2 gap-2.5">
      <Text label={t("Header")} value={auth.header ?? "X-Signature"} onChange={(header) => set({ header })} />
      <Text
        label={t("Prefix")}
        value={auth.prefix ?? ""}
        onChange={(prefix) => set({ prefix })}
        hint={t("As in sha256=")}
      />
      <Field label={t("Algorithm")}>
        <Select
          value={auth.algorithm ?? "sha256"}
          disabled={disabled}
          onChange={(next) => set({ algorithm: next as Auth["algorithm"] })}
          options={[
            { value: "sha256", label: t("SHA-256") },
            { value: "sha512", label: t("SHA-512") },
          ]}
        />
      </Field>
      <div className="flex flex-col gap-1">
        <span className="font-medium text-sm">{t("Encoding")}</span>
        <Segmented
          label={t("Encoding")}
          value={auth.encoding ?? "hex"}
          onChange={(encoding) => set({ encoding })}
          options={[
            { value: "hex", label: t("hex") },
            { value: "base64", label: t("base64") },
          ]}
        />
      </div>
      <div className="col-span-2">
        <Text
          label={t("Header of the time")}
          value={auth.timestampHeader ?? ""}
          onChange={(next) => set({ timestampHeader: next || null })}
          hint={t("Then time.body is signed. Without it, the same body is taken once in 24 hours.")}
        />
      </div>
    </div>
  );
}

function Networks({
  value,
  path,
  onChange,
}: {
  value: string[];
  path: string;
  onChange: (next: string[]) => void;
}) {
  const [text, setText] = useState(value.join(", "));
  return (
    <Field
      label={t("Only from")}
      hint={t("Addresses or networks, with commas between; empty: from anywhere.")}
      error={useFieldError(`${path}/networks`)}
    >
      <Input
        value={text}
        placeholder="203.0.113.0/24"
        onChange={(event) => {
          setText(event.target.value);
          const parts = event.target.value.split(",").map((part) => part.trim());
          onChange(parts.filter(Boolean));
        }}
      />
    </Field>
  );
}

function Text({
  label,
  value,
  hint,
  onChange,
}: {
  label: string;
  value: string;
  hint?: string;
  onChange: (next: string) => void;
}) {
  return (
    <Field label={label} hint={hint}>
      <Input value={value} onChange={(event) => onChange(event.target.value)} />
    </Field>
  );
}

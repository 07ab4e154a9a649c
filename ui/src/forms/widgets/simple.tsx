import { type ReactNode, useId, useState } from "react";
import { t } from "@/lib/text";
import { Field, Input, SecretInput, Segmented, Select, Switch, useField } from "@/ui";
import { useFormSurroundings } from "../context";
import { titleOf } from "../schema";
import { useFieldError } from "../schema-form";
import type { WidgetProps } from "../types";

export function StringWidget({ value, onChange, nullable, schema, disabled }: WidgetProps<string | null>) {
  return (
    <Input
      value={value ?? ""}
      disabled={disabled}
      placeholder={schema.examples?.[0] === undefined ? undefined : String(schema.examples[0])}
      onChange={(event) => onChange(event.target.value === "" && nullable ? null : event.target.value)}
    />
  );
}

/** `***` stands for a secret that is set: typing replaces it, leaving it alone keeps it. Where the server has secret stores, its
 * place in one of them may be given instead. */
export function PasswordWidget({
  value,
  onChange,
  nullable,
  disabled,
}: WidgetProps<string | { ref: string } | null>) {
  const { secretStores } = useFormSurroundings();
  if (typeof value === "object" && value !== null) {
    return (
      <Reference value={value.ref} onChange={(ref) => onChange({ ref })} disabled={disabled}>
        <Switcher onClick={() => onChange(nullable ? null : "")}>{t("Enter the secret itself")}</Switcher>
      </Reference>
    );
  }
  const set = value === "***";
  return (
    <>
      <SecretInput
        value={set ? "" : (value ?? "")}
        disabled={disabled}
        placeholder={set ? t("Set; type to replace it") : undefined}
        onChange={(event) => onChange(event.target.value === "" && nullable ? null : event.target.value)}
      />
      {secretStores && !disabled && (
        <Switcher onClick={() => onChange({ ref: `${secretStores.kinds[0]}:` })}>
          {t("From a secret store")}
        </Switcher>
      )}
    </>
  );
}

const PLACES: Record<string, string> = {
  env: t("env:NAME, a variable of this server"),
  file: t("file:NAME, below its folder of secrets"),
  vault: "vault:mount/path#field",
};

function Reference({
  value,
  onChange,
  disabled,
  children,
}: {
  value: string;
  onChange: (value: string) => void;
  disabled: boolean;
  children: ReactNode;
}) {
  const { secretStores } = useFormSurroundings();
  const list = useId();
  return (
    <>
      <Input
        value={value}
        className="font-mono"
        list={list}
        disabled={disabled || !secretStores}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={list}>
        {secretStores?.names.map((name) => (
          <option key={name} value={`env:${name}`} />
        ))}
      </datalist>
      <p className="mt-1 text-muted text-xs">
        {secretStores
          ? secretStores.kinds.map((kind) => PLACES[kind] ?? `${kind}:`).join(" · ")
          : t("It is in a secret store.")}
      </p>
      {!disabled && children}
    </>
  );
}

function Switcher({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="mt-1 inline-flex h-6 items-center text-muted text-xs underline hover:text-ink"
    >
      {children}
    </button>
  );
}

export function NumberWidget({ value, onChange, nullable, schema, disabled }: WidgetProps<number | null>) {
  const [text, setText] = useState<string | null>(null);
  return (
    <Input
      type="text"
      inputMode={schema.type === "integer" ? "numeric" : "decimal"}
      value={text ?? (value === null || value === undefined ? "" : String(value))}
      disabled={disabled}
      className="tabular max-w-40"
      onChange={(event) => {
        const raw = event.target.value.trim();
        setText(event.target.value);
        const number = Number(raw);
        if (raw === "") onChange(nullable ? null : undefined);
        else if (Number.isFinite(number)) onChange(number);
      }}
      onBlur={() => setText(null)}
    />
  );
}

export function BooleanWidget({ value, onChange, name, path, schema, disabled }: WidgetProps<boolean>) {
  return (
    <div className="flex items-start gap-3">
      <Field
        className="flex-1"
        label={titleOf(name, schema)}
        hint={schema.description}
        error={useFieldError(path)}
        aside={<BooleanSwitch value={value} onChange={onChange} disabled={disabled} />}
      >
        {null}
      </Field>
    </div>
  );
}

function BooleanSwitch({
  value,
  onChange,
  disabled,
}: {
  value: boolean;
  onChange: (value: boolean) => void;
  disabled: boolean;
}) {
  return <Switch {...useField()} checked={value ?? false} onCheckedChange={onChange} disabled={disabled} />;
}

/** Up to three short words side by side, else a list. */
export function EnumWidget({
  value,
  onChange,
  nullable,
  schema,
  name,
  disabled,
}: WidgetProps<string | null>) {
  const values = (schema.enum ?? []).filter((option) => option !== null).map(String);
  const few = values.length <= 3 && values.join("").length <= 28 && !disabled && !nullable;
  if (few) {
    return (
      <Segmented
        label={titleOf(name, schema)}
        value={value ?? ""}
        onChange={onChange}
        options={values.map((option) => ({ value: option, label: option }))}
      />
    );
  }
  const none = "\u2014";
  return (
    <Select
      value={value ?? (nullable ? none : undefined)}
      disabled={disabled}
      onChange={(next) => onChange(next === none ? null : next)}
      options={[...(nullable ? [none] : []), ...values].map((option) => ({ value: option, label: option }))}
    />
  );
}

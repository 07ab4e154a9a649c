import { useState } from "react";
import { Field, Input, SecretInput, Segmented, Select, Switch, useField } from "@/ui";
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

/** `***` stands for a secret that is set: typing replaces it, leaving it alone keeps it. */
export function PasswordWidget({ value, onChange, nullable, disabled }: WidgetProps<string | null>) {
  const set = value === "***";
  return (
    <SecretInput
      value={set ? "" : (value ?? "")}
      disabled={disabled}
      placeholder={set ? "Set; type to replace it" : undefined}
      onChange={(event) => onChange(event.target.value === "" && nullable ? null : event.target.value)}
    />
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

import { useState } from "react";
import { t } from "@/lib/text";
import { Input, Select } from "@/ui";
import type { WidgetProps } from "../types";

const UNITS = [
  { value: "1", label: t("ms") },
  { value: "1000", label: t("s") },
  { value: "60000", label: t("min") },
  { value: "3600000", label: t("h") },
  { value: "86400000", label: t("days") },
];

/** Milliseconds, in the largest unit that shows them whole. */
export function DurationWidget({ value, onChange, nullable, disabled }: WidgetProps<number | null>) {
  const [unit, setUnit] = useState(() => best(value));
  const [text, setText] = useState<string | null>(null);
  const size = Number(unit);
  return (
    <div className="flex gap-2">
      <Input
        inputMode="decimal"
        className="tabular max-w-28"
        disabled={disabled}
        placeholder={nullable ? t("None") : undefined}
        value={text ?? (typeof value === "number" ? String(value / size) : "")}
        onChange={(event) => {
          const raw = event.target.value.trim();
          setText(event.target.value);
          if (raw === "") onChange(nullable ? null : undefined);
          else if (Number.isFinite(Number(raw))) onChange(Math.round(Number(raw) * size));
        }}
        onBlur={() => setText(null)}
      />
      <Select
        label={t("Unit")}
        className="w-24"
        disabled={disabled}
        value={unit}
        options={UNITS}
        onChange={(next) => {
          setUnit(next);
          if (typeof value === "number") onChange(Math.round((value / size) * Number(next)));
        }}
      />
    </div>
  );
}

function best(value: number | null): string {
  if (typeof value !== "number" || value === 0) return "1000";
  return [...UNITS].reverse().find((unit) => value % Number(unit.value) === 0)?.value ?? "1";
}

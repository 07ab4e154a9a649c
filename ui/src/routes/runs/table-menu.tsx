import { Columns3 } from "lucide-react";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { Button, Checkbox, Popover, Segmented } from "@/ui";

/** The columns that can be put away, in their order. */
export const COLUMNS = {
  number: t("Run"),
  trigger: t("Trigger"),
  started: t("Started"),
  duration: t("Duration"),
  steps: t("Steps"),
  message: t("What happened"),
  labels: t("Labels"),
} as const;
export type ColumnName = keyof typeof COLUMNS;
export type Density = "roomy" | "compact";

export type TableLook = { columns: ReadonlySet<ColumnName>; density: Density };

/** Which columns the reader wants, and how close the rows stand; kept in this browser. */
export function useTableLook() {
  const [away, setAway] = usePersistent<ColumnName[]>("runs:away", []);
  const [density, setDensity] = usePersistent<Density>("runs:density", "roomy");
  const names = Object.keys(COLUMNS) as ColumnName[];
  const columns: ReadonlySet<ColumnName> = new Set(names.filter((name) => !away.includes(name)));
  return { look: { columns, density }, away, setAway, setDensity };
}

/** Columns and density of the list. */
export function TableMenu({ look, away, setAway, setDensity }: ReturnType<typeof useTableLook>) {
  return (
    <Popover
      label={t("Columns and density")}
      align="end"
      trigger={
        <Button size="sm" variant="ghost" icon={Columns3}>
          {t("Columns")}
        </Button>
      }
    >
      <div className="flex w-56 flex-col gap-3 text-sm">
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset does not lay out as a column */}
        <div role="group" aria-label={t("Columns")} className="flex flex-col gap-2">
          {(Object.keys(COLUMNS) as ColumnName[]).map((name) => (
            <Checkbox
              key={name}
              label={COLUMNS[name]}
              checked={look.columns.has(name)}
              onCheckedChange={(on) =>
                setAway(on === true ? away.filter((each) => each !== name) : [...away, name])
              }
            />
          ))}
        </div>
        <Segmented
          label={t("Density")}
          value={look.density}
          onChange={setDensity}
          options={[
            { value: "roomy", label: t("Roomy") },
            { value: "compact", label: t("Compact") },
          ]}
        />
        <p className="text-muted text-xs">{t("A narrow window leaves out what it has no room for.")}</p>
      </div>
    </Popover>
  );
}

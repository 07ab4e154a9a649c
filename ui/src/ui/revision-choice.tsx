import { t } from "@/lib/text";
import { Segmented } from "./segmented";

export type WhichRevision = "same" | "latest";

type Props = {
  value: WhichRevision;
  onChange: (value: WhichRevision) => void;
  /** The number of the one that ran. */
  same: number;
  /** Of the newest, where it is known. */
  latest?: number | undefined;
};

/** What a repeated run runs: what it ran then, or the newest. */
export function RevisionChoice({ value, onChange, same, latest }: Props) {
  return (
    <div className="flex flex-col gap-1">
      <span className="font-medium text-sm">{t("Revision")}</span>
      <Segmented
        label={t("Revision")}
        value={value}
        onChange={onChange}
        options={[
          { value: "same", label: t("Same, {same}", { same }) },
          { value: "latest", label: latest === undefined ? t("Latest") : t("Latest, {latest}", { latest }) },
        ]}
      />
    </div>
  );
}

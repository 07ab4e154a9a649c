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
      <span className="font-medium text-sm">Revision</span>
      <Segmented
        label="Revision"
        value={value}
        onChange={onChange}
        options={[
          { value: "same", label: `Same, ${same}` },
          { value: "latest", label: latest === undefined ? "Latest" : `Latest, ${latest}` },
        ]}
      />
    </div>
  );
}

import { Check, Crosshair, EllipsisVertical, Pencil, RotateCcw, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { toastProblem } from "@/api/problem";
import { useChangeComment, useDeleteComment, useMay, useWriteComment } from "@/api/queries";
import type { Comment, Thread } from "@/api/types";
import { rich, t } from "@/lib/text";
import { Button, ConfirmDialog, IconButton, Menu, Timestamp } from "@/ui";
import { labelOf } from "../graph";
import { useFlow } from "../store";
import { useSurroundings } from "../surroundings";
import { Avatar } from "./avatar";
import { Write } from "./composer";
import { linked } from "./linked";

type Props = {
  thread: Thread;
  /** The one that the address names: in view, and with the focus. */
  shown: boolean;
  /** Brings what it is about into view. */
  onGo: () => void;
};

/** What it is about, the comments, and what can be done with them. */
export function ThreadItem({ thread, shown, onGo }: Props) {
  const { id } = useSurroundings();
  const may = useMay("operator");
  const write = useWriteComment(id);
  const change = useChangeComment(id);
  const [answering, setAnswering] = useState(false);
  const box = useRef<HTMLElement>(null);
  const place = usePlace(thread);
  const resolved = thread.resolvedDate !== null;
  useEffect(() => {
    if (!shown) return;
    box.current?.scrollIntoView({ block: "nearest" });
    box.current?.focus({ preventScroll: true });
  }, [shown]);
  return (
    <article
      ref={box}
      tabIndex={-1}
      aria-label={t("{comments, plural, one {# comment} other {# comments}} on {said}", {
        comments: thread.comments.length,
        said: place.said,
      })}
      data-thread={thread.id}
      aria-current={shown || undefined}
      className="flex flex-col gap-2.5 border-b px-4 py-3 outline-none aria-current:bg-accent-soft"
    >
      <div className="flex min-h-7 items-center gap-1">
        {place.there ? (
          <button
            type="button"
            onClick={onGo}
            className="flex min-h-6 min-w-0 items-center gap-1.5 rounded-sm text-accent-text text-xs hover:underline"
          >
            <Crosshair aria-hidden className="size-3.5 shrink-0" />
            <span className="truncate">{place.name}</span>
          </button>
        ) : (
          <span className="min-w-0 truncate text-muted text-xs">{place.name}</span>
        )}
        <span className="flex-1" />
        {may && (
          <IconButton
            size="sm"
            label={resolved ? t("Open it again") : t("Resolve")}
            icon={resolved ? RotateCcw : Check}
            disabled={change.isPending}
            onClick={() =>
              change.mutate(
                { id: thread.id, resolved: !resolved },
                { onError: (error) => toastProblem(error, t("The thread was not changed")) },
              )
            }
          />
        )}
      </div>
      {thread.comments.map((comment) => (
        <Said key={comment.id} thread={thread} comment={comment} />
      ))}
      {resolved && (
        <p className="text-muted text-xs">
          {rich("Resolved by {resolvedBy}, {when}", {
            resolvedBy: thread.resolvedBy,
            when: <Timestamp at={thread.resolvedDate} />,
          })}
        </p>
      )}
      {may &&
        (answering ? (
          <Write
            label={t("Answer")}
            action={t("Answer")}
            what={t("The answer was not kept")}
            focused
            pending={write.isPending}
            onCancel={() => setAnswering(false)}
            onSend={async (text) => {
              await write.mutateAsync({ text, threadId: thread.id });
              setAnswering(false);
              box.current?.focus({ preventScroll: true });
            }}
          />
        ) : (
          <Button size="sm" variant="ghost" className="-ml-2.5 self-start" onClick={() => setAnswering(true)}>
            {t("Answer")}
          </Button>
        ))}
    </article>
  );
}

function Said({ thread, comment }: { thread: Thread; comment: Comment }) {
  const { id } = useSurroundings();
  const may = useMay("operator");
  const admin = useMay("admin");
  const change = useChangeComment(id);
  const remove = useDeleteComment(id);
  const [editing, setEditing] = useState(false);
  const [asked, setAsked] = useState(false);
  const own = may && comment.own;
  const first = thread.id === comment.id;
  const answers = first ? thread.comments.length - 1 : 0;
  const foreign = first && thread.comments.some((each) => !each.own);
  const items = [
    ...(own
      ? [{ label: t("Edit"), icon: Pencil, onSelect: () => window.setTimeout(() => setEditing(true)) }]
      : []),
    ...(admin || (own && !foreign)
      ? [{ label: t("Delete"), icon: Trash2, danger: true, onSelect: () => setAsked(true) }]
      : []),
  ];
  return (
    <div className="flex gap-2.5">
      <span aria-hidden className="pt-0.5">
        <Avatar name={comment.createdBy} />
      </span>
      <div className="min-w-0 flex-1">
        <p className="flex min-h-6 items-center gap-1.5 text-muted text-xs">
          <span className="min-w-0 truncate font-medium text-ink">{comment.createdBy}</span>
          <Timestamp at={comment.createdDate} className="shrink-0" />
          {comment.editedDate && <span className="shrink-0">{t("edited")}</span>}
          <span className="flex-1" />
          {items.length > 0 && (
            <Menu
              align="end"
              items={items}
              trigger={
                <IconButton
                  size="sm"
                  className="size-6"
                  icon={EllipsisVertical}
                  label={t("Actions for the comment of {createdBy}", { createdBy: comment.createdBy })}
                />
              }
            />
          )}
        </p>
        {editing ? (
          <Write
            label={t("Text of the comment")}
            action={t("Save")}
            what={t("The comment was not changed")}
            initial={comment.text}
            focused
            pending={change.isPending}
            onCancel={() => setEditing(false)}
            onSend={async (text) => {
              await change.mutateAsync({ id: comment.id, text });
              setEditing(false);
            }}
          />
        ) : (
          <p dir="auto" className="whitespace-pre-wrap break-words text-sm">
            {linked(comment.text)}
          </p>
        )}
      </div>
      <ConfirmDialog
        open={asked}
        onOpenChange={setAsked}
        title={first && answers > 0 ? t("Delete this thread?") : t("Delete this comment?")}
        action={
          first && answers > 0
            ? t("Delete {answers, plural, one {# comment} other {# comments}}", { answers: answers + 1 })
            : t("Delete the comment")
        }
        danger
        pending={remove.isPending}
        onConfirm={() =>
          remove.mutate(comment.id, {
            onSuccess: () => setAsked(false),
            onError: (error) => toastProblem(error, t("The comment was not deleted")),
          })
        }
      >
        {t("{what}It cannot be brought back.", {
          what:
            answers > 0
              ? t(
                  "The {answers, plural, one {# answer} other {# answers}} to it {answers, plural, one {goes} other {go}} with it. ",
                  { answers },
                )
              : "",
        })}
      </ConfirmDialog>
    </div>
  );
}

/** What a thread is about, in words; `there`: it can be shown on the canvas. */
function usePlace(thread: Thread): { name: string; said: string; there: boolean } {
  const label = useFlow((flow) => {
    const found = flow.nodes.find((node) => node.id === thread.nodeId);
    return found ? labelOf(found) : null;
  });
  if (thread.spot) return { name: t("A place on the canvas"), said: t("a place on the canvas"), there: true };
  if (thread.nodeId === null)
    return { name: t("The whole drawing"), said: t("the whole drawing"), there: false };
  if (label === null)
    return { name: t("On a node that is gone"), said: t("a node that is gone"), there: false };
  return { name: label, said: label, there: true };
}

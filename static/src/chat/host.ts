// The page around the frame (embed.ts there): what we tell it, and what it tells us.

export type FrameMessage = { patchbay: "ready" } | { patchbay: "close" } | { patchbay: "unread"; count: number };
export type HostMessage = { patchbay: "shown" } | { patchbay: "hidden" };

export const isFramed = window.parent !== window;

/** Tells the host page; nothing in it is private, and only allowed sites may frame us. */
export function tellHost(message: FrameMessage): void {
  if (isFramed) window.parent.postMessage(message, "*");
}

/** Calls back when the panel is shown or hidden. */
export function onHost(action: (isShown: boolean) => void): void {
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (!isFramed || event.source !== window.parent) return;
    const data = event.data as Partial<HostMessage> | null;
    if (data?.patchbay === "shown") action(true);
    if (data?.patchbay === "hidden") action(false);
  });
}

/** The user whom the host page signed for; it stands after the # so that no server log keeps it. */
export function userOfHost(): string {
  return new URLSearchParams(location.hash.slice(1)).get("user") ?? "";
}

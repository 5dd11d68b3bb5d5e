import { defineConfig } from "vite";

// Each mode builds one page's script into dist/<mode>.js, complete in itself: a site includes embed.js by one tag.
const entries: Record<string, string> = {
  chat: "src/chat/chat.ts",
  embed: "src/chat/embed.ts",
  house: "src/house/house.ts",
};

export default defineConfig(({ mode }) => ({
  publicDir: "public",
  build: {
    outDir: "dist",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false, // a file of its own: the policy of our pages allows no style element
    rollupOptions: {
      input: entries[mode] ?? "src/chat/chat.ts",
      output: { format: "iife", entryFileNames: `${mode}.js`, assetFileNames: `${mode}[extname]` },
    },
  },
}));

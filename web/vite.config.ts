import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at('.'),
  base: './',
  // What is not there is not there: a checkpoint's files are found by asking.
  appType: 'mpa',
  plugins: [demoModel()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  // Pictures are files of their own, as the page's policy lets styles and scripts come from nowhere else.
  build: { outDir: at('../dist/page'), emptyOutDir: true, target: 'es2023', assetsInlineLimit: 0 },
})

/** The demo model beside the page, and what a server that answers by itself would say at `server.json`: nothing. */
function demoModel(): Plugin {
  const folder = at('../demo/model/')
  return {
    name: 'demo-model',
    generateBundle() {
      for (const file of readdirSync(folder))
        this.emitFile({ type: 'asset', fileName: `model/${file}`, source: readFileSync(folder + file) })
      this.emitFile({ type: 'asset', fileName: 'server.json', source: 'null' })
    },
  }
}

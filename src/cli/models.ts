import { Command } from 'commander'

/** `vicrop models list | pull | check`. */
export function modelsCommand(signal: AbortSignal): Command {
  const models = new Command('models').description('List, download and check models of the Hugging Face hub')
  models
    .command('list')
    .description('Say which models are in the cache, and which of them can be opened')
    .option('--json', 'print one JSON object a model, and nothing else')
    .action(async (flags: { json?: true }) => (await import('./models-run.ts')).list(flags))
  models
    .command('pull')
    .description('Download a model into the cache, or what of it is missing or newer there')
    .argument('<id[@revision]>', 'a model of the hub, at a branch, a tag or a commit (default: main)')
    .option('--json', 'print one JSON object, and nothing else')
    .action(async (id: string, flags: { json?: true }) =>
      (await import('./models-run.ts')).pullModel(id, flags, signal),
    )
  models
    .command('check')
    .description('Say whether a model is supported, what it needs and what is missing; reads no weights')
    .argument('<id[@revision]|folder>', 'a model of the hub, in the cache or not, or a folder')
    .option('--json', 'print one JSON object, and nothing else')
    .action(async (model: string, flags: { json?: true }) =>
      (await import('./models-run.ts')).check(model, flags, signal),
    )
  return models
}

// Answers one path and nothing else. Where to listen is given as --urls.
var builder = WebApplication.CreateSlimBuilder(args);
var app = builder.Build();
app.MapGet("/", () => "ok");
await app.RunAsync();

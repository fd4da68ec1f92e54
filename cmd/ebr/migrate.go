package main

import (
	"context"

	"veribatch/migrations"
)

// migratorVariable carries the connection string of role ebr_migrator.
const migratorVariable = "EBR_MIGRATOR_DATABASE"

// migrateCmd brings a database to the schema of this program and ends.
type migrateCmd struct {
	Database string `required:"" env:"EBR_MIGRATOR_DATABASE" placeholder:"DSN" help:"Connection string of role ebr_migrator. It holds a password: prefer the environment variable."`
}

// Run applies what is missing; running it again changes nothing.
func (m *migrateCmd) Run(ctx context.Context, o output) error {
	return migrations.Up(ctx, m.Database, o.say)
}
